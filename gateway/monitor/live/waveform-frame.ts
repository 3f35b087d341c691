import type { LeadRing } from './lead-ring.js'

/**
 * A stretch of one patient's leads on its way to a page. Little-endian:
 * u16 number of the patient in this connection · u16 leads, bit n = STANDARD_LEADS[n] · u32 samples · f64 first sample index ·
 * then for each lead in order its samples as f32 mV, NaN where there is none.
 */
export interface WaveformFrame {
  readonly patient: number
  /** Indices into STANDARD_LEADS. */
  readonly leads: readonly number[]
  readonly first: number
  readonly count: number
  /** Of `leads[i]`. */
  values(i: number): Float32Array
}

const HEADER = 16
/** f32 */
const VALUE = 4

/** Leads `leads` of `ring` from `first` up to `end`. */
export function encodeFrame(
  patient: number,
  leads: readonly number[],
  ring: LeadRing,
  first: number,
  end: number,
): ArrayBuffer {
  const count = end - first
  const buffer = new ArrayBuffer(HEADER + VALUE * count * leads.length)
  const header = new DataView(buffer, 0, HEADER)
  header.setUint16(0, patient, true)
  header.setUint16(
    2,
    leads.reduce((mask, lead) => mask | (1 << lead), 0),
    true,
  )
  header.setUint32(4, count, true)
  header.setFloat64(8, first, true)
  const values = new Float32Array(buffer, HEADER)
  leads.forEach((lead, i) => {
    for (let k = 0; k < count; k++) values[i * count + k] = ring.at(lead, first + k)
  })
  return buffer
}

/** Undefined for what is not a frame. */
export function decodeFrame(buffer: ArrayBuffer): WaveformFrame | undefined {
  if (buffer.byteLength < HEADER) return undefined
  const header = new DataView(buffer, 0, HEADER)
  const mask = header.getUint16(2, true)
  const leads = Array.from({ length: 16 }, (_, lead) => lead).filter(lead => (mask >> lead) & 1)
  const count = header.getUint32(4, true)
  if (buffer.byteLength !== HEADER + VALUE * count * leads.length) return undefined
  return {
    patient: header.getUint16(0, true),
    leads,
    first: header.getFloat64(8, true),
    count,
    values: i => new Float32Array(buffer, HEADER + VALUE * count * i, count),
  }
}

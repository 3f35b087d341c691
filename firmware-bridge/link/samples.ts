import { readU64, writeU64 } from './u64.js'

/** SAMPLES payload (spec/ecg-link.md, SAMPLES): 14 bytes, then values sample-major in two's complement, 2 or 3 bytes each. */
export interface Samples {
  readonly first: number
  readonly count: number
  readonly channels: number
  /** Bit n = electrode n of `ELECTRODES` is off. */
  readonly electrodesOff: number
  readonly retransmission: boolean
  readonly saturated: boolean
  /** LSB, sample-major; may be longer than `count × channels`. */
  readonly values: Int32Array
}

export type ValueBytes = 2 | 3

export const SAMPLES_HEADER_BYTES = 14
const RETRANSMISSION = 1
const SATURATED = 2

export function encodeSamples(samples: Samples, valueBytes: ValueBytes): Uint8Array {
  const length = samples.count * samples.channels
  const bytes = new Uint8Array(SAMPLES_HEADER_BYTES + length * valueBytes)
  const view = new DataView(bytes.buffer)
  writeU64(view, 0, samples.first)
  bytes[8] = samples.count
  bytes[9] = samples.channels
  view.setUint16(10, samples.electrodesOff, true)
  bytes[12] = (samples.retransmission ? RETRANSMISSION : 0) | (samples.saturated ? SATURATED : 0)
  bytes[13] = valueBytes
  for (let i = 0, at = SAMPLES_HEADER_BYTES; i < length; i++, at += valueBytes) {
    const value = samples.values[i]!
    view.setInt16(at, value, true)
    if (valueBytes === 3) bytes[at + 2] = value >> 16
  }
  return bytes
}

/** Values go into `values`, which must hold the longest payload. Undefined where the fields contradict each other or the length. */
export function decodeSamples(payload: Uint8Array, values: Int32Array): Samples | undefined {
  if (payload.length < SAMPLES_HEADER_BYTES) return undefined
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  const first = readU64(view, 0)
  const count = view.getUint8(8)
  const channels = view.getUint8(9)
  const flags = view.getUint8(12)
  const valueBytes = view.getUint8(13)
  const length = count * channels
  if (length === 0 || (valueBytes !== 2 && valueBytes !== 3)) return undefined
  if (payload.length !== SAMPLES_HEADER_BYTES + length * valueBytes) return undefined
  if (!Number.isSafeInteger(first + count - 1)) return undefined
  let at = SAMPLES_HEADER_BYTES
  if (valueBytes === 2) for (let i = 0; i < length; i++, at += 2) values[i] = view.getInt16(at, true)
  else for (let i = 0; i < length; i++, at += 3) values[i] = (view.getInt8(at + 2) << 16) | view.getUint16(at, true)
  return {
    first,
    count,
    channels,
    electrodesOff: view.getUint16(10, true),
    retransmission: (flags & RETRANSMISSION) !== 0,
    saturated: (flags & SATURATED) !== 0,
    values,
  }
}

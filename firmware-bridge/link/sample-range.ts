import { readU64, writeU64 } from './u64.js'

/** The payload of RESEND and of LOST: u64 first sample, u32 count. */
export interface SampleRange {
  readonly first: number
  readonly count: number
}

const RANGE_BYTES = 12

export function encodeSampleRange(range: SampleRange): Uint8Array {
  const bytes = new Uint8Array(RANGE_BYTES)
  const view = new DataView(bytes.buffer)
  writeU64(view, 0, range.first)
  view.setUint32(8, range.count, true)
  return bytes
}

export function decodeSampleRange(payload: Uint8Array): SampleRange | undefined {
  if (payload.length !== RANGE_BYTES) return undefined
  const view = new DataView(payload.buffer, payload.byteOffset)
  const range = { first: readU64(view, 0), count: view.getUint32(8, true) }
  return Number.isSafeInteger(range.first + range.count) ? range : undefined
}

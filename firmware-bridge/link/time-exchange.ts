import { Microseconds } from '../../ecg/units.js'
import { readU64, writeU64 } from './u64.js'

/** TIME_RSP: when the host asked (host clock), when the device received and answered (device clock). */
export interface TimeResponse {
  readonly t0: Microseconds
  readonly t1: Microseconds
  readonly t2: Microseconds
}

const REQUEST_BYTES = 8
const RESPONSE_BYTES = 24

export function encodeTimeRequest(t0: Microseconds): Uint8Array {
  const bytes = new Uint8Array(REQUEST_BYTES)
  writeU64(new DataView(bytes.buffer), 0, t0)
  return bytes
}

export function decodeTimeRequest(payload: Uint8Array): Microseconds | undefined {
  if (payload.length !== REQUEST_BYTES) return undefined
  return Microseconds(readU64(new DataView(payload.buffer, payload.byteOffset), 0))
}

export function encodeTimeResponse(response: TimeResponse): Uint8Array {
  const bytes = new Uint8Array(RESPONSE_BYTES)
  const view = new DataView(bytes.buffer)
  writeU64(view, 0, response.t0)
  writeU64(view, 8, response.t1)
  writeU64(view, 16, response.t2)
  return bytes
}

/** Undefined also where the device would have answered before it received. */
export function decodeTimeResponse(payload: Uint8Array): TimeResponse | undefined {
  if (payload.length !== RESPONSE_BYTES) return undefined
  const view = new DataView(payload.buffer, payload.byteOffset)
  const response = {
    t0: Microseconds(readU64(view, 0)),
    t1: Microseconds(readU64(view, 8)),
    t2: Microseconds(readU64(view, 16)),
  }
  return Number.isSafeInteger(response.t2) && response.t1 <= response.t2 ? response : undefined
}

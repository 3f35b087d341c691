import { SampleIndex } from '../../ecg/units.js'
import type { DeviceEventKind } from '../device-stream.js'
import { readU64, writeU64 } from './u64.js'

/** EVENT: u64 sample, u8 kind. */
export interface DeviceEvent {
  readonly sample: SampleIndex
  readonly kind: DeviceEventKind
}

const EVENT_BYTES = 9
const KINDS: readonly DeviceEventKind[] = ['button', 'pacer', 'shock'] // wire value = position + 1

export function encodeEvent(event: DeviceEvent): Uint8Array {
  const bytes = new Uint8Array(EVENT_BYTES)
  writeU64(new DataView(bytes.buffer), 0, event.sample)
  bytes[8] = KINDS.indexOf(event.kind) + 1
  return bytes
}

export function decodeEvent(payload: Uint8Array): DeviceEvent | undefined {
  if (payload.length !== EVENT_BYTES) return undefined
  const sample = readU64(new DataView(payload.buffer, payload.byteOffset), 0)
  const kind = KINDS[payload[8]! - 1]
  return kind && Number.isSafeInteger(sample) ? { sample: SampleIndex(sample), kind } : undefined
}

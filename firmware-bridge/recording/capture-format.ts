import { crc32 } from '@node-rs/crc32'
import { Microseconds } from '../../ecg/units.js'
import { readU64, writeU64 } from '../link/u64.js'

/**
 * A capture: what passed over a carrier, exactly, with its times. `ECGCAP1\n`, then entries, all alike:
 *
 *     offset  size  field (little-endian)
 *     0       1     kind
 *     1       4     length n of the payload, at most MAX_PAYLOAD
 *     5       8     µs since the capture began, on a monotonic clock
 *     13      n     payload
 *     13+n    4     CRC-32 (ISO-HDLC, as in zlib) over bytes 0 … 13+n−1
 *
 * Entries are only ever appended, so whatever stops the writer leaves whole entries and at most one that is cut; a reader ends
 * at the first that does not hold, and passes over kinds that it does not know.
 */
export const CAPTURE_MAGIC = new TextEncoder().encode('ECGCAP1\n')
export const CAPTURE_SUFFIX = '.ecgcap'

export const CaptureKind = {
  /** First entry; JSON `CaptureHeader`. */
  Header: 1,
  /** Bytes as they arrived, in the pieces in which they did. */
  FromDevice: 2,
  ToDevice: 3,
  /** The carrier was opened; the address of a BLE peripheral, UTF-8, or nothing. */
  Opened: 4,
  /** It went away; the reason, UTF-8. */
  Closed: 5,
  /** One value of a BLE characteristic: its UUID (16 bytes, in the order in which it is written), then the value. */
  Notified: 6,
  Written: 7,
} as const

export interface CaptureHeader {
  /** As given to `--device`. */
  readonly uri: string
  /** Protocol spoken there. */
  readonly driver: string
  /** RFC 3339, UTC. */
  readonly began: string
}

export interface CaptureEntry {
  readonly kind: number
  /** Since the capture began. */
  readonly at: Microseconds
  /** Borrowed from the capture's bytes. */
  readonly payload: Uint8Array
}

const UUID_BYTES = 16
const HEAD_BYTES = 13
const CRC_BYTES = 4
/** Carriers read 64 KiB at a time. */
const MAX_PAYLOAD = 64 * 1024

export function encodeCaptureEntry({ kind, at, payload }: CaptureEntry): Uint8Array {
  if (payload.length > MAX_PAYLOAD) throw new RangeError(`${payload.length} bytes do not fit a capture's entry`)
  const end = HEAD_BYTES + payload.length
  const bytes = new Uint8Array(end + CRC_BYTES)
  const view = new DataView(bytes.buffer)
  bytes[0] = kind
  view.setUint32(1, payload.length, true)
  writeU64(view, 5, at)
  bytes.set(payload, HEAD_BYTES)
  view.setUint32(end, crc32(bytes.subarray(0, end)), true)
  return bytes
}

/** The entry at `offset` and the offset of the next one; undefined where no whole entry is. */
export function decodeCaptureEntry(
  bytes: Uint8Array,
  offset: number,
): { entry: CaptureEntry; next: number } | undefined {
  if (bytes.length < offset + HEAD_BYTES + CRC_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const length = view.getUint32(offset + 1, true)
  const end = offset + HEAD_BYTES + length
  const at = readU64(view, offset + 5)
  if (length > MAX_PAYLOAD || bytes.length < end + CRC_BYTES || !Number.isSafeInteger(at)) return undefined
  if (view.getUint32(end, true) !== crc32(bytes.subarray(offset, end))) return undefined
  const payload = bytes.subarray(offset + HEAD_BYTES, end)
  return { entry: { kind: bytes[offset]!, at: Microseconds(at), payload }, next: end + CRC_BYTES }
}

/** Payload of `Notified` and `Written`. `characteristic`: UUID of 128 bit, with or without hyphens. */
export function encodeCharacteristicValue(characteristic: string, value: Uint8Array): Uint8Array {
  const uuid = Buffer.from(characteristic.replaceAll('-', ''), 'hex')
  if (uuid.length !== UUID_BYTES) throw new RangeError(`${characteristic} is not a UUID of 128 bit`)
  return Buffer.concat([uuid, value])
}

/** Undefined where the payload is too short for a UUID. `value` is borrowed from it. */
export function decodeCharacteristicValue(
  payload: Uint8Array,
): { characteristic: string; value: Uint8Array } | undefined {
  if (payload.length < UUID_BYTES) return undefined
  const hex = Buffer.from(payload.subarray(0, UUID_BYTES)).toString('hex')
  const characteristic = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  return { characteristic, value: payload.subarray(UUID_BYTES) }
}

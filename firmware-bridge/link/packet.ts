import { crc32 } from '@node-rs/crc32'
import { Microseconds } from '../../ecg/units.js'
import { readU64, writeU64 } from './u64.js'

/** One ECG Link packet (spec/ecg-link.md, Packet): 12-byte header, payload, CRC-32. All integers are little-endian. */
export interface Packet {
  readonly type: number
  /** Per sender, +1 per packet, 16 bits. */
  readonly sequence: number
  /** The sender's clock since its boot; in SAMPLES the instant of the first sample. */
  readonly time: Microseconds
  /** Borrowed from the received bytes. */
  readonly payload: Uint8Array
}

export const LINK_VERSION = 1
export const HEADER_BYTES = 12
export const CRC_BYTES = 4
/** Longest packet before COBS (spec, Carriers). */
export const MAX_PACKET_BYTES = 1024
export const MAX_PAYLOAD_BYTES = MAX_PACKET_BYTES - HEADER_BYTES - CRC_BYTES

export const PacketType = {
  Hello: 0x01,
  HelloRequest: 0x02,
  Start: 0x03,
  Stop: 0x04,
  Ack: 0x05,
  Samples: 0x10,
  Resend: 0x11,
  Lost: 0x12,
  TimeRequest: 0x20,
  TimeResponse: 0x21,
  Status: 0x30,
  Event: 0x31,
  Smp: 0x50,
} as const

const NO_PAYLOAD = new Uint8Array(0)

export function encodePacket(
  type: number,
  sequence: number,
  time: Microseconds,
  payload: Uint8Array = NO_PAYLOAD,
): Uint8Array {
  if (payload.length > MAX_PAYLOAD_BYTES)
    throw new RangeError(`payload of ${payload.length} bytes does not fit a packet`)
  const bytes = new Uint8Array(HEADER_BYTES + payload.length + CRC_BYTES)
  const view = new DataView(bytes.buffer)
  bytes[0] = LINK_VERSION
  bytes[1] = type
  view.setUint16(2, sequence & 0xffff, true)
  writeU64(view, 4, time)
  bytes.set(payload, HEADER_BYTES)
  const end = HEADER_BYTES + payload.length
  view.setUint32(end, crc32(bytes.subarray(0, end)), true)
  return bytes
}

/**
 * `bad`: length, CRC or clock cannot be right, so nothing in it can be believed. A number: the packet is whole but of that
 * other version of the protocol.
 */
export function decodePacket(bytes: Uint8Array): Packet | 'bad' | number {
  const end = bytes.length - CRC_BYTES
  if (end < HEADER_BYTES || bytes.length > MAX_PACKET_BYTES) return 'bad'
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (crc32(bytes.subarray(0, end)) !== view.getUint32(end, true)) return 'bad'
  const version = view.getUint8(0)
  if (version !== LINK_VERSION) return version
  const time = readU64(view, 4)
  if (!Number.isSafeInteger(time)) return 'bad'
  return {
    type: view.getUint8(1),
    sequence: view.getUint16(2, true),
    time: Microseconds(time),
    payload: bytes.subarray(HEADER_BYTES, end),
  }
}

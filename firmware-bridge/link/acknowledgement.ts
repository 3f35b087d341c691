import { PacketType } from './packet.js'

/** ACK: u8 type acknowledged, u8 status. */
export interface Acknowledgement {
  readonly type: number
  readonly status: number
}

export const AckStatus = { Ok: 0, Busy: 1, Unsupported: 2, BadArgument: 3, Internal: 4 } as const

const REASONS = ['accepted it', 'is busy', 'does not support it', 'found a bad argument in it', 'had an internal error']
const NAMES: Readonly<Record<number, string>> = { [PacketType.Start]: 'START', [PacketType.Stop]: 'STOP' }

export function encodeAck(ack: Acknowledgement): Uint8Array {
  return Uint8Array.of(ack.type, ack.status)
}

export function decodeAck(payload: Uint8Array): Acknowledgement | undefined {
  return payload.length === 2 ? { type: payload[0]!, status: payload[1]! } : undefined
}

/** What the operator reads about an ACK, e.g. "the device did not take START: it is busy". */
export function describeAck(ack: Acknowledgement): string {
  const name = NAMES[ack.type] ?? `packet type 0x${ack.type.toString(16)}`
  const reason = REASONS[ack.status] ?? `answered with the unknown status ${ack.status}`
  return ack.status === AckStatus.Ok ? `the device took ${name}` : `the device did not take ${name}: it ${reason}`
}

import type { FrameMatch } from '../frame-scanner.js'

/**
 * One sampling instant of a TI ADS1298 (SBAS459, "Data retrieval"), as read by SPI and sent as it is: 216 bits, of which
 * 24 status (1100, LOFF_STATP[8], LOFF_STATN[8], GPIO[4]) and 8 × 24 bit two's complement, most significant byte first.
 */
export const FRAME_BYTES = 27
export const CHANNELS = 8
export const VALUES_AT = 3
const STATUS_BYTES = 3

/** Frames looked at where the status word does not tell: as often 1100 must be where it belongs. */
const TO_SYNCHRONISE = 16
export const LOOK_AHEAD = (TO_SYNCHRONISE + 1) * FRAME_BYTES

/** Bit n: lead-off detected at IN(n+1)P. */
export const leadOffPositive = (buffer: Uint8Array, from: number): number =>
  ((buffer[from]! << 4) | (buffer[from + 1]! >> 4)) & 0xff

/** Bit n: lead-off detected at IN(n+1)N. */
export const leadOffNegative = (buffer: Uint8Array, from: number): number =>
  ((buffer[from + 1]! << 4) | (buffer[from + 2]! >> 4)) & 0xff

/**
 * The format has no more to hold on to than 1100, and the middle byte of a slow channel may hold that, too, for seconds. But the
 * status word rarely changes: a frame counts at once when its own and the next one are as they were. Otherwise, at the start,
 * after lost bytes and when an electrode comes off, a frame counts when 1100 is in its place many times over, and at no other
 * place in which it is as often the status word changes less.
 */
export function createFrameMatch(): FrameMatch {
  let status: number | undefined

  return (buffer, from, end) => {
    if (status !== undefined) {
      if (end - from < FRAME_BYTES + STATUS_BYTES) return 0
      if (statusAt(buffer, from) === status && statusAt(buffer, from + FRAME_BYTES) === status) return FRAME_BYTES
    }
    if (!inPlace(buffer, from, end)) {
      status = undefined
      return -1
    }
    if (end - from < LOOK_AHEAD) return 0
    status = isBestPlace(buffer, from) ? statusAt(buffer, from) : undefined
    return status === undefined ? -1 : FRAME_BYTES
  }
}

const statusAt = (buffer: Uint8Array, at: number): number =>
  (buffer[at]! << 16) | (buffer[at + 1]! << 8) | buffer[at + 2]!

/** Whether each of the frames looked at, as far as they are there, begins with 1100. */
function inPlace(buffer: Uint8Array, from: number, end: number): boolean {
  const last = Math.min(end - 1, from + (TO_SYNCHRONISE - 1) * FRAME_BYTES)
  for (let at = from; at <= last; at += FRAME_BYTES) if (buffer[at]! >> 4 !== 0xc) return false
  return true
}

function isBestPlace(buffer: Uint8Array, from: number): boolean {
  const changes = statusChanges(buffer, from)
  for (let at = from + 1; at < from + FRAME_BYTES; at++)
    if (inPlace(buffer, at, from + LOOK_AHEAD) && statusChanges(buffer, at) < changes) return false
  return true
}

/** Bits in which the status words of neighbours differ. */
function statusChanges(buffer: Uint8Array, from: number): number {
  let changes = 0
  for (let n = 1; n < TO_SYNCHRONISE; n++) {
    const at = from + n * FRAME_BYTES
    for (let bits = statusAt(buffer, at) ^ statusAt(buffer, at - FRAME_BYTES); bits !== 0; bits &= bits - 1) changes++
  }
  return changes
}

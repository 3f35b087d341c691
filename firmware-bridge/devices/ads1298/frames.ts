import type { FrameMatch } from '../frame-scanner.js'

/**
 * One sampling instant of a TI ADS1298 (SBAS459, "Data retrieval"), as read by SPI and sent as it is: 216 bits, of which
 * 24 status (1100, LOFF_STATP[8], LOFF_STATN[8], GPIO[4]) and 8 × 24 bit two's complement, most significant byte first.
 */
export const FRAME_BYTES = 27
export const CHANNELS = 8
export const VALUES_AT = 3

/** A frame counts only when so many after it begin with 1100, too: chance says so of one in 256 from which bytes are missing. */
const FOLLOWERS = 2
/** Frames looked at before the first one counts, because 1100 may also be the middle byte of a slow channel … */
const TO_SYNCHRONISE = 16
/** … whose low byte is noise, while status bits rarely change: so many may do so among them, one from each to the next. */
const MOST_FLIPS = TO_SYNCHRONISE - 1
export const LOOK_AHEAD = TO_SYNCHRONISE * FRAME_BYTES

/** Bit n: lead-off detected at IN(n+1)P. */
export const leadOffPositive = (buffer: Uint8Array, from: number): number =>
  ((buffer[from]! << 4) | (buffer[from + 1]! >> 4)) & 0xff

/** Bit n: lead-off detected at IN(n+1)N. */
export const leadOffNegative = (buffer: Uint8Array, from: number): number =>
  ((buffer[from + 1]! << 4) | (buffer[from + 2]! >> 4)) & 0xff

/** The format has no more to hold on to than four bits a frame: this holds on to those of several frames at once. */
export function createFrameMatch(): FrameMatch {
  let synchronised = false

  return (buffer, from, end) => {
    const needed = synchronised ? FOLLOWERS * FRAME_BYTES + 1 : LOOK_AHEAD
    for (let at = from; at < Math.min(end, from + needed); at += FRAME_BYTES) {
      if (buffer[at]! >> 4 === 0xc) continue
      synchronised = false
      return -1
    }
    if (end - from < needed) return 0
    if (!synchronised && statusFlips(buffer, from) > MOST_FLIPS) return -1
    synchronised = true
    return FRAME_BYTES
  }
}

/** Status bits that differ between neighbours, over the frames looked at to synchronise. */
function statusFlips(buffer: Uint8Array, from: number): number {
  let flips = 0
  for (let at = from + FRAME_BYTES; at < from + LOOK_AHEAD; at += FRAME_BYTES) {
    for (let byte = 0; byte < VALUES_AT; byte++) flips += ones(buffer[at + byte]! ^ buffer[at + byte - FRAME_BYTES]!)
  }
  return flips
}

function ones(byte: number): number {
  let count = 0
  for (let rest = byte; rest !== 0; rest &= rest - 1) count++
  return count
}

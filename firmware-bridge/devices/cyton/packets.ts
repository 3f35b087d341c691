import type { FrameMatch } from '../frame-scanner.js'

/**
 * OpenBCI Cyton packet (docs.openbci.com, "Cyton Data Format"), 33 bytes: A0, sample number u8, 8 × 24 bit two's complement
 * most significant byte first, 6 auxiliary bytes, and C0 … CF, which says what the auxiliary bytes are.
 */
export const PACKET_BYTES = 33
export const CHANNELS = 8
export const NUMBER_AT = 1
export const VALUES_AT = 2
/** Two packets, to synchronise. */
export const LOOK_AHEAD = 2 * PACKET_BYTES

const HEADER = 0xa0
const FOOTER = 0xc
const FOOTER_AT = 32

/**
 * The first packet counts when the next one follows on it, byte and number; each later one when another begins right after it,
 * because a packet from which bytes are missing still has its header and number, and by chance (1 in 16) its footer.
 */
export function createPacketMatch(): FrameMatch {
  let synchronised = false

  return (buffer, from, end) => {
    const needed = synchronised ? PACKET_BYTES + 1 : LOOK_AHEAD
    const there = Math.min(end - from, needed)
    if (!fits(buffer, from, there)) {
      synchronised = false
      return -1
    }
    if (there < needed) return 0
    synchronised ||= follows(buffer, from)
    return synchronised ? PACKET_BYTES : -1
  }
}

/** Whether header and footer of this packet and of the next one are in place, as far as they are there. */
function fits(buffer: Uint8Array, from: number, there: number): boolean {
  if (buffer[from] !== HEADER) return false
  if (there > FOOTER_AT && buffer[from + FOOTER_AT]! >> 4 !== FOOTER) return false
  if (there > PACKET_BYTES && buffer[from + PACKET_BYTES] !== HEADER) return false
  return there <= PACKET_BYTES + FOOTER_AT || buffer[from + PACKET_BYTES + FOOTER_AT]! >> 4 === FOOTER
}

/** Whether the next packet has the next number. */
const follows = (buffer: Uint8Array, from: number): boolean =>
  ((buffer[from + PACKET_BYTES + NUMBER_AT]! - buffer[from + NUMBER_AT]!) & 0xff) === 1

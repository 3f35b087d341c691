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
    if (contradicts(buffer, from, end)) {
      synchronised = false
      return -1
    }
    if (end - from < needed) return 0
    if (!synchronised && ((buffer[from + PACKET_BYTES + NUMBER_AT]! - buffer[from + NUMBER_AT]!) & 0xff) !== 1)
      return -1
    synchronised = true
    return PACKET_BYTES
  }

  /** Looks at what is there of this packet, of the next one's header, and, to synchronise, of the rest of that. */
  function contradicts(buffer: Uint8Array, from: number, end: number): boolean {
    const byte = (at: number) => (from + at < end ? buffer[from + at]! : undefined)
    const footer = (at: number) => byte(at) !== undefined && byte(at)! >> 4 !== FOOTER
    const header = (at: number) => byte(at) !== undefined && byte(at) !== HEADER
    return header(0) || footer(FOOTER_AT) || header(PACKET_BYTES) || (!synchronised && footer(PACKET_BYTES + FOOTER_AT))
  }
}

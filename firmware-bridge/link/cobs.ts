/** Consistent Overhead Byte Stuffing (Cheshire and Baker, 1999): any bytes, without a zero, at most one byte more per 254. */

/** A code byte counts itself and the non-zero bytes after it; this one also says that no zero follows them. */
export const FULL_BLOCK = 0xff

/** `COBS(packet) 0x00`, as it goes on a byte stream. */
export function encodeFrame(packet: Uint8Array): Uint8Array {
  const frame = new Uint8Array(packet.length + Math.ceil(packet.length / (FULL_BLOCK - 1)) + 2)
  let code = 0
  let length = 1
  for (let i = 0; i < packet.length; i++) {
    const byte = packet[i]!
    if (byte !== 0) frame[length++] = byte
    const last = i === packet.length - 1
    if (byte === 0 || (length - code === FULL_BLOCK && !last)) {
      frame[code] = length - code
      code = length++
    }
  }
  frame[code] = length - code
  return frame.subarray(0, length + 1)
}

/**
 * ProtoCentral's OpenView packet as the HealthyPi 5 sends it: 0A FA | u16 LE length | type | payload | 00 0B. Of the payload,
 * 22 bytes, little-endian: i32 ECG, i32 BioZ, u8 BioZ skipped (FF), i32 red, i32 infrared, i16 temperature, u8 SpO2, heart
 * and respiration rate (protocentral_healthypi5_zephyr, app/src/data_module.c, `sendData`). There is no check sum.
 */
export const PACKET_BYTES = 29
export const ECG_AT = 5

const HEADER = [0x0a, 0xfa, 22, 0, 0x02]
const FOOTER = [0x00, 0x0b]
const FOOTER_AT = PACKET_BYTES - FOOTER.length

/** Header, length, type and both footer bytes must hold; that is all there is. */
export function matchPacket(buffer: Uint8Array, from: number, end: number): number {
  for (let i = 0; i < HEADER.length && from + i < end; i++) if (buffer[from + i] !== HEADER[i]) return -1
  if (end - from < PACKET_BYTES) return 0
  return FOOTER.every((byte, i) => buffer[from + FOOTER_AT + i] === byte) ? PACKET_BYTES : -1
}

/** In counts of the MAX30001, 18 bit. */
export const ecgOf = (buffer: Uint8Array, from: number): number =>
  buffer[from + ECG_AT]! |
  (buffer[from + ECG_AT + 1]! << 8) |
  (buffer[from + ECG_AT + 2]! << 16) |
  (buffer[from + ECG_AT + 3]! << 24)

const POLYNOMIAL = 0x1021

/** By bytes: entry n is the CRC of n followed by 16 zero bits. */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x8000 ? POLYNOMIAL : 0)
  return crc
})

/** CRC-16/XMODEM (polynomial 0x1021, initial 0, not reflected); "123456789" gives 0x31c3. Over data and its CRC it is 0. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >> 8) ^ byte]!
  return crc
}

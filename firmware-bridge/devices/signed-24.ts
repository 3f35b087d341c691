/** Three bytes at `at`, two's complement, most significant first: what TI's converters send. */
export const readSigned24BigEndian = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8)) >> 8

export const readSigned24LittleEndian = (bytes: Uint8Array, at: number): number =>
  ((bytes[at + 2]! << 24) | (bytes[at + 1]! << 16) | (bytes[at]! << 8)) >> 8

export const MOST_POSITIVE_24 = 0x7fffff
export const MOST_NEGATIVE_24 = -0x800000

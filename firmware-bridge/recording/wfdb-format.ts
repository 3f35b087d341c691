/** How WFDB stores samples: signal(5) of the WFDB Applications Guide. */
export interface WfdbFormat {
  readonly bytesPerSample: number
  /** The count that stands for "no sample here". */
  readonly missing: number
  /** Sample number `i` of all samples in `bytes`. */
  at(bytes: Uint8Array, i: number): number
}

export const WFDB_FORMATS: Readonly<Record<number, WfdbFormat>> = {
  /** 8 bits, offset binary. */
  80: { bytesPerSample: 1, missing: -0x80, at: (bytes, i) => bytes[i]! - 0x80 },
  /** 16 bits, little-endian. */
  16: { bytesPerSample: 2, missing: -0x8000, at: (bytes, i) => ((bytes[2 * i + 1]! << 24) >> 16) | bytes[2 * i]! },
  /** 24 bits, little-endian. */
  24: {
    bytesPerSample: 3,
    missing: -0x80_0000,
    at: (bytes, i) => ((bytes[3 * i + 2]! << 24) >> 8) | (bytes[3 * i + 1]! << 8) | bytes[3 * i]!,
  },
  /** Two samples of 12 bits in three bytes: low byte of the first, high nibbles (the first's lower), low byte of the second. */
  212: {
    bytesPerSample: 1.5,
    missing: -0x800,
    at: (bytes, i) => {
      const pair = 3 * (i >> 1)
      return i & 1
        ? (((bytes[pair + 1]! << 24) >> 28) << 8) | bytes[pair + 2]!
        : ((bytes[pair + 1]! << 28) >> 20) | bytes[pair]!
    },
  },
}

/** How records are written. */
export interface WrittenFormat extends WfdbFormat {
  readonly number: 16 | 24
  readonly highest: number
  put(bytes: Uint8Array, i: number, count: number): void
}

/** From the smallest to the one that holds what any converter gives. */
export const WRITTEN_FORMATS = [
  {
    ...WFDB_FORMATS[16]!,
    number: 16,
    highest: 0x7fff,
    put(bytes, i, count) {
      bytes[2 * i] = count
      bytes[2 * i + 1] = count >> 8
    },
  },
  {
    ...WFDB_FORMATS[24]!,
    number: 24,
    highest: 0x7f_ffff,
    put(bytes, i, count) {
      bytes[3 * i] = count
      bytes[3 * i + 1] = count >> 8
      bytes[3 * i + 2] = count >> 16
    },
  },
] as const satisfies readonly WrittenFormat[]

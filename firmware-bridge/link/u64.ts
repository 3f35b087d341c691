const TWO_32 = 0x1_0000_0000

/**
 * Little-endian u64 as a double: exact below 2⁵³, which is 285 years of microseconds. Anything above is rounded and fails
 * `Number.isSafeInteger`, which callers check where a value must be exact.
 */
export function readU64(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * TWO_32 + view.getUint32(offset, true)
}

export function writeU64(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % TWO_32, true)
  view.setUint32(offset + 4, Math.floor(value / TWO_32), true)
}

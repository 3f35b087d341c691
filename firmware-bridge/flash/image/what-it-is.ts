interface Kind {
  is(bytes: Buffer): boolean
  readonly sentence: string
}

const SIGN = 'sign it with imgtool (MCUboot)'

const startsWith =
  (...values: number[]) =>
  (bytes: Buffer) =>
    bytes.subarray(0, values.length).equals(Buffer.from(values))

/** Somewhere in the first megabytes of a Cortex-M's flash, or of its RAM, and odd: a Thumb function. */
const isThumbAddress = (word: number) => word % 2 === 1 && word < 0x4000_0000
/** Cortex-M RAM lies at 0x2000_0000 or, tightly coupled, at 0x1000_0000 or 0. */
const isStack = (word: number) => word % 4 === 0 && word > 0x0fff_ffff && word < 0x4000_0000

/** In the order in which they are tried. */
const KINDS: readonly Kind[] = [
  { is: bytes => bytes.length === 0, sentence: 'it is empty' },
  {
    is: startsWith(0x7f, 0x45, 0x4c, 0x46),
    sentence: `it is an ELF program: make a binary of it (objcopy -O binary) and ${SIGN}`,
  },
  {
    is: startsWith(0x55, 0x46, 0x32, 0x0a),
    sentence: 'it is a UF2 file: copy it to the drive that the board shows in its bootloader',
  },
  {
    is: startsWith(0x50, 0x4b, 0x03, 0x04),
    sentence: 'it is a ZIP archive, perhaps a DFU package: unpack it and give the .bin in it',
  },
  { is: startsWith(0x1f, 0x8b), sentence: 'it is compressed with gzip: unpack it' },
  {
    is: bytes => bytes[0] === 0xe9 && bytes.length > 8 && bytes[1]! <= 16,
    sentence: 'it is an image for an ESP32, which has another bootloader: write it with esptool (pip install esptool)',
  },
  {
    is: bytes => /^:[0-9a-f]{8,}\r?\n/i.test(bytes.toString('latin1', 0, 600)),
    sentence: 'it is an Intel HEX file: take the .bin beside it, or convert it (objcopy -I ihex -O binary)',
  },
  { is: bytes => bytes.every(byte => byte === 0xff), sentence: 'it is erased flash, nothing but ff' },
  { is: bytes => bytes.every(byte => byte === 0), sentence: 'it is nothing but zeros' },
  {
    is: bytes => bytes.length >= 8 && isStack(bytes.readUInt32LE(0)) && isThumbAddress(bytes.readUInt32LE(4)),
    sentence: `it is a program for a Cortex-M that is not signed: ${SIGN}`,
  },
  {
    is: bytes => /^[\t\r\n\x20-\x7e]+$/.test(bytes.toString('latin1', 0, 256)),
    sentence: 'it is text',
  },
]

/** What a file is that somebody took for an MCUboot image, and what to do with it. */
export function whatItIs(file: Uint8Array): string {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.length)
  return KINDS.find(kind => kind.is(bytes))?.sentence ?? `its magic number is missing; ${SIGN}`
}

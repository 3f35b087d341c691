import { crc32 } from 'node:zlib'

/** Frames and packets as simply as they can be read, with none of the project's code: what the fast ones are held against. */
export function referencePackets(stream: Uint8Array): Uint8Array[] {
  const packets: Uint8Array[] = []
  let start = 0
  for (let end = stream.indexOf(0); end >= 0; end = stream.indexOf(0, start)) {
    const packet = referenceUnstuff(stream.subarray(start, end))
    if (packet && isPacket(packet)) packets.push(packet)
    start = end + 1
  }
  return packets
}

/** COBS without its delimiter; undefined where a code byte points beyond the end. */
export function referenceUnstuff(frame: Uint8Array): Uint8Array | undefined {
  const bytes: number[] = []
  let at = 0
  while (at < frame.length) {
    const code = frame[at]!
    if (at + code > frame.length) return undefined
    bytes.push(...frame.subarray(at + 1, at + code))
    at += code
    if (code < 0xff && at < frame.length) bytes.push(0)
  }
  return Uint8Array.from(bytes)
}

function isPacket(bytes: Uint8Array): boolean {
  if (bytes.length < 16 || bytes.length > 1024 || bytes[0] !== 1) return false
  return crc32(bytes.subarray(0, -4)) === Buffer.from(bytes).readUInt32LE(bytes.length - 4)
}

/** Index and count of every SAMPLES packet among them. */
export function referenceBlocks(packets: readonly Uint8Array[]): { first: number; count: number }[] {
  return packets
    .filter(packet => packet[1] === 0x10)
    .map(packet => ({ first: Number(Buffer.from(packet).readBigUInt64LE(12)), count: packet[20]! }))
}

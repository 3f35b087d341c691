import { crc16 } from './crc16.js'

/**
 * SMP on a console (Zephyr, "SMP over console"; Mynewt's newtmgr): a message becomes lines of at most 127 characters.
 *
 *   06 09 (first) or 04 14 (next) · base64 of a part of [u16 length + 2][message][CRC-16], big-endian · 0a
 *
 * Each line decodes by itself. Anything else on the console, log lines or a shell's echo, is no part of it.
 */
const FIRST = [0x06, 0x09] as const
const NEXT = [0x04, 0x14] as const
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
/** Of base64 in one line: with the two bytes before and the line feed behind it the 127 that servers have room for. */
const LINE_CHARACTERS = 124
const LINE_BYTES = (LINE_CHARACTERS / 4) * 3
const LENGTH_BYTES = 2
const CRC_BYTES = 2

/** What length and CRC take of a server's buffer. */
export const CONSOLE_OVERHEAD = LENGTH_BYTES + CRC_BYTES
/** Longest message that fits one line: what every server takes. */
export const ONE_LINE_BYTES = LINE_BYTES - CONSOLE_OVERHEAD

export function encodeConsole(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(LENGTH_BYTES + message.length + CRC_BYTES)
  frame.writeUInt16BE(message.length + CRC_BYTES)
  frame.set(message, LENGTH_BYTES)
  frame.writeUInt16BE(crc16(message), LENGTH_BYTES + message.length)
  const lines: Buffer[] = []
  for (let from = 0; from < frame.length; from += LINE_BYTES) {
    const text = frame.toString('base64', from, Math.min(from + LINE_BYTES, frame.length))
    lines.push(Buffer.from(from === 0 ? FIRST : NEXT), Buffer.from(`${text}\n`, 'latin1'))
  }
  return Buffer.concat(lines)
}

export interface ConsoleListener {
  /** A message whose CRC held. */
  message(message: Uint8Array): void
  /** A line that is not SMP's: for people. */
  text(line: string): void
  /** A frame that began and cannot be right. */
  badFrame(): void
}

/** Longest message that is put together, and longest line that is kept of what is not SMP's. */
const MAX_FRAME_BYTES = 64 * 1024
const MAX_TEXT = 1024
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

/** Finds the messages in what a console sends, in pieces of any size. Its memory is one message and one line. */
export function createConsoleDecoder(listener: ConsoleListener): { push(bytes: Uint8Array): void } {
  let line: number[] = []
  let parts: Buffer[] | undefined
  let length = 0

  function push(bytes: Uint8Array) {
    for (const byte of bytes) {
      if (byte === LINE_FEED) endLine()
      else if (byte !== CARRIAGE_RETURN && line.length < MAX_TEXT) line.push(byte)
    }
  }

  function endLine() {
    const ended = Buffer.from(line)
    line = []
    // A log line may have been cut short by a frame: the frame begins at its marker, wherever that is.
    const first = ended.lastIndexOf(Buffer.from(FIRST))
    const next = first < 0 ? ended.lastIndexOf(Buffer.from(NEXT)) : -1
    const start = Math.max(first, next)
    const text = ended.subarray(0, start < 0 ? ended.length : start)
    if (text.length > 0) listener.text(text.toString('latin1'))
    if (start < 0) return
    if (first >= 0) {
      if (parts) listener.badFrame() // the one before never ended
      parts = []
      length = 0
    }
    take(ended.toString('latin1', start + 2))
  }

  function take(base64: string) {
    if (!parts) return
    if (!BASE64.test(base64) || base64.length % 4 !== 0) return drop()
    const part = Buffer.from(base64, 'base64')
    parts.push(part)
    length += part.length
    if (length > MAX_FRAME_BYTES) return drop()
    if (length < LENGTH_BYTES) return
    const frame = Buffer.concat(parts)
    parts = [frame]
    const wanted = LENGTH_BYTES + frame.readUInt16BE()
    if (length < wanted) return
    if (length > wanted || wanted < LENGTH_BYTES + CRC_BYTES || crc16(frame.subarray(LENGTH_BYTES)) !== 0) return drop()
    parts = undefined
    listener.message(frame.subarray(LENGTH_BYTES, -CRC_BYTES))
  }

  function drop() {
    parts = undefined
    listener.badFrame()
  }

  return { push }
}

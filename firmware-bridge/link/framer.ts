import { FULL_BLOCK } from './cobs.js'
import { MAX_PACKET_BYTES } from './packet.js'

export interface Framer {
  /** Takes bytes as they come, in pieces of any size. */
  push(bytes: Uint8Array): void
  /** Forgets a frame that has begun; for a carrier that was opened again. */
  reset(): void
}

export interface FramerOutput {
  /** A frame's bytes after COBS; borrowed until it returns, because the next frame overwrites them. */
  frame(packet: Uint8Array): void
  /** A frame that COBS cannot have produced, or a longer one than any packet: dropped up to its delimiter. */
  badFrame(): void
}

/** Cuts a byte stream into packets and resynchronises at every 0x00 (spec/ecg-link.md, Carriers). Its memory is one packet. */
export function createFramer(output: FramerOutput): Framer {
  const packet = new Uint8Array(MAX_PACKET_BYTES)
  let length = 0
  let left = 0
  let zeroDue = false
  let begun = false
  let bad = false

  function reset() {
    length = 0
    left = 0
    zeroDue = false
    begun = false
    bad = false
  }

  function put(byte: number) {
    if (length === packet.length) bad = true
    else packet[length++] = byte
  }

  function endFrame() {
    const whole = !bad && left === 0
    const end = length
    const any = begun
    reset()
    if (!any) return // delimiters may be repeated, e.g. to flush line noise
    if (whole) output.frame(packet.subarray(0, end))
    else output.badFrame()
  }

  function push(bytes: Uint8Array) {
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!
      if (byte === 0) endFrame()
      else if (bad) continue
      else if (left > 0) {
        put(byte)
        left--
      } else {
        if (zeroDue) put(0)
        begun = true
        left = byte - 1
        zeroDue = byte !== FULL_BLOCK
      }
    }
  }

  return { push, reset }
}

/**
 * Answers what begins at `from`: the length of a frame, 0 where more bytes are needed to tell, −1 for nothing.
 * It must not answer 0 once it sees as many bytes as it asked to look ahead.
 */
export type FrameMatch = (buffer: Uint8Array, from: number, end: number) => number

/** `skipped`: bytes between the frame before and this one that belong to no frame. Borrowed until it returns. */
export type FrameFound = (buffer: Uint8Array, from: number, skipped: number) => void

export interface FrameScanner {
  push(bytes: Uint8Array): void
  /** Forgets what has begun. */
  reset(): void
}

/** More than a UART brings between two turns of the event loop, so that most pieces are scanned at once, bytes. */
const ROOM = 8 * 1024

/** Finds frames in a byte stream: where none begins it goes on with the very next byte. Its memory is fixed. */
export function createFrameScanner(lookAhead: number, match: FrameMatch, found: FrameFound): FrameScanner {
  const buffer = new Uint8Array(lookAhead + ROOM)
  let start = 0
  let end = 0
  let skipped = 0

  function scan() {
    while (start < end) {
      const length = match(buffer, start, end)
      if (length === 0) break
      if (length < 0) {
        start++
        skipped++
      } else {
        found(buffer, start, skipped)
        start += length
        skipped = 0
      }
    }
    buffer.copyWithin(0, start, end)
    end -= start
    start = 0
  }

  return {
    push(bytes) {
      for (let taken = 0; taken < bytes.length; ) {
        const piece = bytes.subarray(taken, taken + buffer.length - end)
        buffer.set(piece, end)
        end += piece.length
        taken += piece.length
        scan()
      }
    },
    reset() {
      start = 0
      end = 0
      skipped = 0
    },
  }
}

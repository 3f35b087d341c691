import { Microseconds } from '../../ecg/units.js'

/**
 * Answers what begins at `from`: the length of a frame, 0 where more bytes are needed to tell, −1 for nothing.
 * It must not answer 0 once it sees as many bytes as it asked to look ahead.
 */
export type FrameMatch = (buffer: Uint8Array, from: number, end: number) => number

/** One object for all frames: borrowed until the listener returns. */
export interface FoundFrame {
  buffer: Uint8Array
  from: number
  /** Bytes since the frame before that belong to none. */
  skipped: number
  /** When its last byte was read; and bytes that came after it in the same read, so that it is older than that. */
  arrived: Microseconds
  after: number
}

export interface FrameScanner {
  push(bytes: Uint8Array, arrived: Microseconds): void
  /** Forgets what has begun. */
  reset(): void
}

/** More than a UART brings between two turns of the event loop, so that most pieces are scanned at once, bytes. */
const ROOM = 8 * 1024

/** Finds frames in a byte stream: where none begins it goes on with the very next byte. Its memory is fixed. */
export function createFrameScanner(
  lookAhead: number,
  match: FrameMatch,
  found: (frame: Readonly<FoundFrame>) => void,
): FrameScanner {
  const buffer = new Uint8Array(lookAhead + ROOM)
  const frame: FoundFrame = { buffer, from: 0, skipped: 0, arrived: Microseconds(0), after: 0 }
  let start = 0
  let end = 0
  let skipped = 0
  /** Of the bytes that waited to see what follows them. */
  let arrivedBefore = Microseconds(0)

  /** Bytes before `fresh` had come before. */
  function scan(fresh: number, arrived: Microseconds) {
    while (start < end) {
      const length = match(buffer, start, end)
      if (length === 0) return
      if (length > 0) {
        const waited = start + length <= fresh
        frame.from = start
        frame.skipped = skipped
        frame.arrived = waited ? arrivedBefore : arrived
        frame.after = (waited ? fresh : end) - start - length
        found(frame)
      }
      skipped = length > 0 ? 0 : skipped + 1
      start += Math.max(1, length)
    }
  }

  return {
    push(bytes, arrived) {
      for (let taken = 0; taken < bytes.length; ) {
        const piece = bytes.subarray(taken, taken + buffer.length - end)
        const fresh = end
        buffer.set(piece, fresh)
        end += piece.length
        taken += piece.length
        scan(fresh, arrived)
        buffer.copyWithin(0, start, end)
        end -= start
        start = 0
        arrivedBefore = arrived
      }
    },
    reset() {
      start = 0
      end = 0
      skipped = 0
    },
  }
}

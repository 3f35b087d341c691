import { createRandom } from './random.js'

/** Probabilities per frame; what is not given does not happen. */
export interface Faults {
  readonly seed: number
  readonly drop?: number
  readonly duplicate?: number
  /** Comes one to three frames late. */
  readonly reorder?: number
  /** One byte is another one. */
  readonly corrupt?: number
  /** Its tail, delimiter included, is missing. */
  readonly cut?: number
}

/** Most frames by which a late one is overtaken. */
const MAX_LATE = 3

/** A line that harms the frames written to it, always in the same way for the same seed. */
export function createFaultyLine(faults: Faults, deliver: (bytes: Uint8Array) => void): (frame: Uint8Array) => void {
  const random = createRandom(faults.seed)
  let held: { bytes: Uint8Array; frames: number }[] = []
  const happens = (probability = 0) => random() < probability

  function harmed(frame: Uint8Array): Uint8Array {
    const position = Math.floor(random() * frame.length)
    if (happens(faults.corrupt)) {
      const copy = Uint8Array.from(frame)
      copy[position]! ^= 1 + Math.floor(random() * 255)
      return copy
    }
    return happens(faults.cut) ? frame.subarray(0, position) : frame
  }

  return frame => {
    const bytes = harmed(frame)
    if (!happens(faults.drop)) {
      if (happens(faults.reorder)) held.push({ bytes, frames: 1 + Math.floor(random() * MAX_LATE) })
      else deliver(bytes)
      if (happens(faults.duplicate)) deliver(bytes)
    }
    for (const late of held) if (late.frames-- === 0) deliver(late.bytes)
    held = held.filter(late => late.frames >= 0)
  }
}

/** Without a sample for so long a device that was started has stalled, µs (spec/ecg-link.md, Behaviour 6). */
export const STALLED_AFTER = 2_000_000
/** Without a packet for so long the carrier is opened again, µs. */
const REOPEN_AFTER = 5_000_000
/** A device that has not answered since the carrier was opened gets longer each time, up to this, µs. */
const REOPEN_AFTER_AT_MOST = 30_000_000
/** Without any packet for so long after opening the operator is told what to look at, µs. */
const HINT_AFTER = 3_000_000

/** Tells how long a device has been silent, and what that means. All times in host µs. */
export interface Silence {
  opened(now: number, bytes: number): void
  /** A packet came, of whatever type. */
  packet(now: number): void
  /** Samples came, or were promised. */
  samples(now: number): void
  stalled(now: number): boolean
  /** µs of silence after which the carrier has to be opened again, once they are over. */
  over(now: number): number | undefined
  /** What the operator should look at. `bytes`: received so far, whatever they were. */
  hint(now: number, bytes: number): string | undefined
}

export function createSilence(): Silence {
  let openedAt = 0
  let bytesAtOpen = 0
  let lastPacket = 0
  let lastSamples = 0
  let answered = false
  let limit = REOPEN_AFTER

  return {
    opened(now, bytes) {
      openedAt = now
      bytesAtOpen = bytes
      lastPacket = now
      answered = false
    },
    packet(now) {
      lastPacket = now
      answered = true
      limit = REOPEN_AFTER
    },
    samples(now) {
      lastSamples = now
    },
    stalled: now => now - lastSamples >= STALLED_AFTER,
    over(now) {
      const reached = limit
      if (now - lastPacket < reached) return undefined
      if (!answered) limit = Math.min(2 * limit, REOPEN_AFTER_AT_MOST)
      return reached
    },
    hint(now, bytes) {
      if (answered || now - openedAt < HINT_AFTER) return undefined
      return bytes > bytesAtOpen
        ? 'bytes arrive, but not one ECG Link packet: check the baud rate and the driver'
        : 'the device does not answer: check its power and the cable'
    },
  }
}

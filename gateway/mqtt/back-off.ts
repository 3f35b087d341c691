import { Millis } from '../../ecg/units.js'

export interface BackOff {
  /** How long to wait before the next attempt. */
  next(): Millis
  reset(): void
}

/**
 * Doubling waits from `first` up to `cap`, each cut by up to a half at random, so that gateways that lost one broker at the
 * same moment do not come back at the same moment. `random`: 0 … 1.
 */
export function createBackOff(first: Millis, cap: Millis, random: () => number): BackOff {
  let wait = first
  return {
    next() {
      const now = Millis(wait * (1 - random() / 2))
      wait = Millis(Math.min(wait * 2, cap))
      return now
    },
    reset() {
      wait = first
    },
  }
}

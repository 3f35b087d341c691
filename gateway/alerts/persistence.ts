import type { Confirmation, Observation } from './confirmation.js'

/** `need` of the last `of` windows at or above `threshold` confirm; see `CLEAR_WINDOWS` for what clears. */
export interface PersistenceRule {
  readonly need: number
  readonly of: number
  readonly threshold: number
  readonly clearBelow: number
}

/**
 * A finding is cleared by `of` windows in a row below `clearBelow`, and by no fewer than this: with a 1-of-1 rule a
 * probability that jumps up and down at every window would otherwise start and end an alert at every window.
 */
export const CLEAR_WINDOWS = 3

/** N-of-M persistence with hysteresis. Windows that were never seen count as windows without a verdict. */
export function createPersistence(rule: PersistenceRule): Confirmation {
  const clearAfter = Math.max(rule.of, CLEAR_WINDOWS)
  /** The windows that confirm, among the last `of`; oldest first. */
  let confirming: Observation[] = []
  /** Judged windows below `clearBelow` in a row; windows without a verdict neither add to it nor break it. */
  let clearing = 0
  return {
    observe(observation) {
      const { index, probability } = observation
      confirming = confirming.filter(earlier => earlier.index > index - rule.of)
      if (probability === null) return
      if (probability >= rule.threshold) confirming.push(observation)
      clearing = probability < rule.clearBelow ? clearing + 1 : 0
    },
    get confirmations() {
      return confirming.length
    },
    get since() {
      return confirming[0]?.arrived ?? null
    },
    get confirmed() {
      return confirming.length >= rule.need
    },
    get cleared() {
      return clearing >= clearAfter
    },
    reset() {
      confirming = []
      clearing = 0
    },
  }
}

import type { Task } from '../../models/bundle/manifest.js'

/** `need` of the last `of` windows at or above `threshold` confirm; see `CLEAR_WINDOWS` for what clears. */
export type PersistenceRule = Pick<NonNullable<Task['alert']>, 'need' | 'of' | 'clearBelow'> & {
  readonly threshold: number
}

/**
 * A finding is cleared by `of` windows in a row below `clearBelow`, and by no fewer than this: with a 1-of-1 rule a
 * probability that jumps up and down at every window would otherwise start and end an alert at every window.
 */
export const CLEAR_WINDOWS = 3

export interface Persistence {
  /** `probability` null: the window cannot be judged; it takes its place among the last `of` and says nothing. */
  observe(windowIndex: number, probability: number | null): void
  /** Windows at or above the threshold among the last `of`. */
  readonly confirmations: number
  readonly confirmed: boolean
  readonly cleared: boolean
  /** Forgets everything: the device rebooted, so that window indices begin again. */
  reset(): void
}

/** N-of-M persistence with hysteresis for one task of one device. Windows that were never seen count as windows without a verdict. */
export function createPersistence(rule: PersistenceRule): Persistence {
  const clearAfter = Math.max(rule.of, CLEAR_WINDOWS)
  /** Indices of the windows that confirm, among the last `of`; oldest first. */
  let confirming: number[] = []
  /** Judged windows below `clearBelow` in a row; windows without a verdict neither add to it nor break it. */
  let clearing = 0
  return {
    observe(windowIndex, probability) {
      confirming = confirming.filter(index => index > windowIndex - rule.of)
      if (probability === null) return
      if (probability >= rule.threshold) confirming.push(windowIndex)
      clearing = probability < rule.clearBelow ? clearing + 1 : 0
    },
    get confirmations() {
      return confirming.length
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

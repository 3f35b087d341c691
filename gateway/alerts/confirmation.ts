import type { Millis } from '../../ecg/units.js'

/** A window as a rule sees it. */
export interface Observation {
  /** Since the boot of the device; windows that were never seen leave gaps. */
  readonly index: number
  /** When its last sample arrived, on the monotonic clock. */
  readonly arrived: Millis
  readonly good: boolean
  /** Null: the window cannot be judged. */
  readonly probability: number | null
}

/** Turns one task's probabilities into "it is so" and "it is so no longer". */
export interface Confirmation {
  observe(observation: Observation): void
  /** Windows at or above the threshold among those that count now. */
  readonly confirmations: number
  /** When the first of these arrived; null when there are none. */
  readonly since: Millis | null
  readonly confirmed: boolean
  readonly cleared: boolean
  /** Forgets everything: window indices begin again. */
  reset(): void
}

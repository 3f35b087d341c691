import { Millis } from '../../ecg/units.js'

/** What a new bundle has to stand in use, after its goldens, before it may stay. Pure. */
export interface TrialLimits {
  /** So many windows have to be answered: five minutes of one patient at the default hop. */
  readonly windows: number
  /** From handing over a window to its answer, waiting included: what the gateway promises in all. */
  readonly latency: Millis
  /** Windows that may take longer: the machine may have been busy with something else. */
  readonly slowWindows: number
}

export const TRIAL: TrialLimits = { windows: 60, latency: Millis(500), slowWindows: 3 }

/** What became of a trial. */
export type Verdict = { readonly passed: true } | { readonly passed: false; readonly fault: string }

export interface TrialPeriod {
  /** Answered so far, in earlier runs of the gateway too. */
  readonly windows: number
  /** A window was answered. */
  answered(latency: Millis): Verdict | null
}

/** `before`: windows of earlier runs. */
export function createTrialPeriod(before: number, limits: TrialLimits = TRIAL): TrialPeriod {
  let windows = before
  let slow = 0
  return {
    get windows() {
      return windows
    },
    answered(latency) {
      windows++
      if (latency > limits.latency) slow++
      if (slow > limits.slowWindows)
        return { passed: false, fault: `${slow} of ${windows} windows took longer than ${limits.latency} ms` }
      return windows >= limits.windows ? { passed: true } : null
    },
  }
}

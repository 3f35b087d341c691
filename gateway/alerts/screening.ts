import type { Confirmation, Observation } from './confirmation.js'

export interface ScreeningRule {
  readonly threshold: number
  readonly clearBelow: number
}

/** Fewest good windows from which a screening task is judged, and how many of the newest it is judged from … */
export const SCREENING_MINIMUM = 6
export const SCREENING_WINDOWS = 12
/** … unless they are older than this many windows: minutes, at any hop. */
const SCREENING_SPAN = 120

/**
 * A screening finding is about the patient and not about a moment: the median over good windows confirms it at the threshold
 * and clears it below `clearBelow`. Degraded windows do not count at all.
 */
export function createScreening({ threshold, clearBelow }: ScreeningRule): Confirmation {
  let windows: Array<Observation & { readonly probability: number }> = []
  const confirming = () => windows.filter(({ probability }) => probability >= threshold)
  const median = (): number | null =>
    windows.length < SCREENING_MINIMUM ? null : medianOf(windows.map(({ probability }) => probability))
  return {
    observe(observation) {
      const { index, probability, good } = observation
      windows = windows.filter(earlier => earlier.index > index - SCREENING_SPAN)
      if (good && probability !== null)
        windows = [...windows, { ...observation, probability }].slice(-SCREENING_WINDOWS)
    },
    get confirmations() {
      return confirming().length
    },
    get since() {
      return confirming()[0]?.arrived ?? null
    },
    get confirmed() {
      return (median() ?? Number.NEGATIVE_INFINITY) >= threshold
    },
    get cleared() {
      return (median() ?? Number.POSITIVE_INFINITY) < clearBelow
    },
    reset() {
      windows = []
    },
  }
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[upper]! : (sorted[upper - 1]! + sorted[upper]!) / 2
}

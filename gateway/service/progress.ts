import { type Microseconds, Millis, Seconds } from '../../ecg/units.js'

/** A device that was silent for this long owes nothing for the time before. */
const SILENCE = Seconds(2)
/** Ten seconds of signal, and what resending, a queue and a slow model may take on top of the hop. */
const WINDOW = Seconds(10)
const ALLOWANCE = Seconds(10)

/**
 * Whether one device's samples become assessments. While they come without a break, a window must be told every hop; a
 * pipeline that takes samples in and lets nothing out is stuck, whatever timers still tick. Pure.
 */
export interface Progress {
  samples(now: Microseconds): void
  /** A window was told, with findings or without. */
  told(now: Microseconds): void
  /** The device is not assessed, or was asked to begin anew. */
  reset(): void
  stuck(now: Microseconds): boolean
}

export function createProgress(hop: Millis): Progress {
  const patience = 1000 * Millis(WINDOW + 2 * hop + ALLOWANCE)
  /** Since when a window is owed; null while nothing comes in. */
  let owedSince: Microseconds | null = null
  let newest: Microseconds | null = null
  return {
    samples(now) {
      if (owedSince === null || newest === null || now - newest > 1000 * SILENCE) owedSince = now
      newest = now
    },
    told(now) {
      if (owedSince !== null) owedSince = now
    },
    reset() {
      owedSince = null
      newest = null
    },
    stuck: now => owedSince !== null && newest !== null && now - newest <= 1000 * SILENCE && now - owedSince > patience,
  }
}

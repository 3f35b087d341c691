import type { Variant } from '../../models/bundle/manifest.js'

/** One variant on one provider, and what became of it when the engine started: for logs, `bench` and `doctor`. */
export interface Candidate {
  readonly variant: string
  readonly precision: Variant['precision']
  readonly provider: string
  readonly outcome: 'chosen' | 'passed' | 'refused'
  /** Median run over the goldens, ms; absent when it did not get so far. */
  readonly medianMs?: number
  /** What the choice goes by: a busy machine slows the median of one candidate and not of the other. */
  readonly fastestMs?: number
  /** Windows that one run may hold, where several were found to take less time each; and that time, ms. */
  readonly batch?: number
  readonly batchedMs?: number
  /** Why it was refused. */
  readonly reason?: string
}

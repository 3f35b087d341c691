import type { Bundle } from '../../models/bundle/load-bundle.js'
import type { Pair } from './candidates.js'
import { readGoldens } from './goldens.js'
import type { Measurement, Outcome } from './measurement.js'
import { type StartOptions, type Trial, tryCandidate } from './try-candidate.js'

export interface TrialRequest {
  readonly bundle: Bundle
  readonly pairs: readonly Pair[]
  readonly options: StartOptions
}

/** Tries candidates in this process, one after the other, and keeps none running. One outcome for each, in their order. */
export async function tryHere(
  { bundle, pairs, options }: TrialRequest,
  tell: (outcome: Outcome) => void = () => {},
): Promise<Outcome[]> {
  const goldens = await readGoldens(bundle)
  const outcomes: Outcome[] = []
  for (const pair of pairs) {
    const trial = await tryCandidate(bundle, pair, goldens, options)
    const outcome = 'refusal' in trial ? trial : await stop(trial)
    outcomes.push(outcome)
    tell(outcome)
  }
  return outcomes
}

async function stop({ pool, ...measurement }: Trial): Promise<Measurement> {
  await pool.close()
  return measurement
}

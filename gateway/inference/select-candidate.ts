import type { Bundle } from '../../models/bundle/load-bundle.js'
import { describeBoard } from './board.js'
import type { Pair } from './candidates.js'
import { clearlyFaster } from './clearly-faster.js'
import { readGoldens } from './goldens.js'
import { measureCandidates } from './measure-candidates.js'
import type { Measurement, Outcome } from './measurement.js'
import { openSelectionCache, selectionKey } from './selection-cache.js'
import { type StartOptions, type Trial, tryCandidate } from './try-candidate.js'

/** What became of all pairs, and the one that runs. */
export interface Selection {
  /** One for each pair, in their order. */
  readonly outcomes: readonly Outcome[]
  /** Places of those that passed: the one that runs, then the others by their speed. */
  readonly ranking: readonly number[]
  /** The first of the ranking, running; undefined when none passed. */
  readonly trial: Trial | undefined
}

export interface SelectionOptions extends StartOptions {
  /** Nobody has asked for a provider by name. */
  readonly automatic: boolean
  /** Folder in which measurements are kept for the next start. */
  readonly cache: string | undefined
}

/**
 * Measures the pairs, unless that was done before and nothing that it depends on has changed, and starts the best: by proof in
 * this very process, so what no longer passes is measured anew with all the others.
 */
export async function selectCandidate(
  bundle: Bundle,
  pairs: readonly Pair[],
  { automatic, cache: folder, ...options }: SelectionOptions,
): Promise<Selection> {
  const goldens = await readGoldens(bundle)
  const cache = openSelectionCache(folder)
  const key = selectionKey([
    bundle.sha256,
    pairs.map(pair => [pair.variant.file, pair.provider]),
    options.threads,
    options.batch,
    describeBoard(),
  ])

  async function measure(): Promise<Outcome[]> {
    const outcomes = await measureCandidates(bundle, pairs, { ...options, automatic })
    cache.set(key, outcomes)
    return outcomes
  }

  /** The best that passes now; the outcomes of those that do not become refusals. */
  async function start(measured: readonly Outcome[]): Promise<Selection> {
    const outcomes = [...measured]
    for (const place of ranked(measured)) {
      const trial = await tryCandidate(bundle, pairs[place]!, goldens, options)
      if ('refusal' in trial) outcomes[place] = trial
      else return { outcomes, ranking: [place, ...ranked(outcomes).filter(other => other !== place)], trial }
    }
    return { outcomes, ranking: [], trial: undefined }
  }

  /** There is no choice: its start measures it, too. */
  async function startOnly(place: number): Promise<Selection> {
    const outcomes: Outcome[] = pairs.map(({ refusal = '' }) => ({ refusal }))
    const trial = await tryCandidate(bundle, pairs[place]!, goldens, options)
    if ('refusal' in trial) {
      outcomes[place] = trial
      return { outcomes, ranking: [], trial: undefined }
    }
    const { pool: _, ...measurement } = trial
    outcomes[place] = measurement
    return { outcomes, ranking: [place], trial }
  }

  const [only, ...others] = [...pairs.keys()].filter(place => pairs[place]!.refusal === undefined)
  if (only !== undefined && others.length === 0) return startOnly(only)
  const known = cache.get(key)
  if (known === undefined) return start(await measure())
  const selection = await start(known)
  if (selection.outcomes.every((outcome, place) => outcome === known[place])) return selection
  await selection.trial?.pool.close() // what was known of this machine is no longer true
  return start(await measure())
}

/** Places of those that passed: first the choice, then the others by their speed. */
function ranked(outcomes: readonly Outcome[]): number[] {
  const msOf = (place: number) => (outcomes[place] as Measurement).batchedMs
  const passed = [...outcomes.keys()].filter(place => !('refusal' in outcomes[place]!))
  const best = passed.reduce((chosen, place) => (clearlyFaster(msOf(place), msOf(chosen)) ? place : chosen), passed[0]!)
  return passed.toSorted((a, b) => Number(b === best) - Number(a === best) || msOf(a) - msOf(b))
}

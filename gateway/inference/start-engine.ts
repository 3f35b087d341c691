import { availableParallelism } from 'node:os'
import { Millis } from '../../ecg/units.js'
import type { Bundle } from '../../models/bundle/load-bundle.js'
import { describeBoard } from './board.js'
import { AUTO, type Candidate, candidatesFor, type Pair } from './candidates.js'
import { clearlyFaster } from './clearly-faster.js'
import { createFailover } from './failover.js'
import { readGoldens } from './goldens.js'
import type { InferenceEngine, ModelInUse } from './inference-engine.js'
import { EngineStartError } from './inference-error.js'
import { measureCandidates } from './measure-candidates.js'
import type { Measurement, Outcome } from './measurement.js'
import { openSelectionCache, selectionKey } from './selection-cache.js'
import { startCandidate, type Trial, tryCandidate } from './try-candidate.js'
import { createUrgency } from './urgency.js'
import type { PoolCounters } from './worker-pool.js'

/** A bundle in worker threads, on the variant and provider that won on this machine. */
export interface BundleEngine extends InferenceEngine {
  /** Everything that was considered, in the manifest's order. */
  readonly candidates: readonly Candidate[]
  /** Of the variant in use, since it was started. */
  readonly counters: Readonly<PoolCounters>
  readonly workers: number
}

export interface EngineOptions {
  /** `auto`, or a file name or precision of the bundle's variants. */
  readonly variant?: string | undefined
  /** `auto` (what the bundle is meant for) or the name of a provider. */
  readonly provider?: string | undefined
  /** Undefined: as many as `patients` need with the time that a window was measured to take. */
  readonly workers?: number | undefined
  /** How many send windows at once; undefined: recordings, read as fast as they are answered. */
  readonly patients?: number | undefined
  /** Folder in which measurements are kept for the next start. */
  readonly cache?: string | undefined
  /** Threads inside one run. One: windows are small and many, so further workers use further cores better. */
  readonly threads?: number | undefined
  /** Windows that may wait. */
  readonly queueLimit?: number | undefined
  /** Longest run of one window, before its thread is given up. */
  readonly deadline?: Millis | undefined
}

/** A recording is read by one thread and answered by the others; each worker holds the model in memory once more. */
const MOST_WORKERS_UNASKED = 2

/** If all patients' windows are complete at the same moment, the last answer is to come within this: half of what is promised. */
const BURST = Millis(250)

/** Leaves one core to the event loop, unless the patients are known, and their windows need it. */
export function workersFor(patients: number | undefined, medianMs: number, cores: number): number {
  const wanted = patients === undefined ? Math.min(MOST_WORKERS_UNASKED, cores - 1) : (patients * medianMs) / BURST
  return Math.max(1, Math.min(cores, Math.ceil(wanted)))
}

/** Windows a run that are tried: more would make the first of them wait for the last. */
const LARGEST_BATCH = 8

/**
 * Tries the bundle's variants and starts with the fastest that passes the goldens; when it fails later, the next fastest runs
 * in its place. What is asked for by name is what runs, or the start fails with an `EngineStartError` (exit code 3): nothing
 * is replaced silently. What was measured is taken from `options.cache` when nothing that it depends on has changed; what
 * starts has passed the goldens in this very process all the same.
 */
export async function startEngine(bundle: Bundle, options: EngineOptions = {}): Promise<BundleEngine> {
  const { variant = AUTO, provider = AUTO, threads = 1, deadline, queueLimit, patients = 1 } = options
  const pairs = candidatesFor(bundle.manifest, variant, provider)
  const goldens = await readGoldens(bundle)
  const batch = Math.max(1, Math.min(LARGEST_BATCH, patients)) // a gateway without devices yet measures a window, too
  const alone = { deadline, queueLimit, threads, batch, workers: 1 }
  const cache = openSelectionCache(options.cache)
  const key = selectionKey([
    bundle.sha256,
    pairs.map(pair => [pair.variant.file, pair.provider]),
    threads,
    batch,
    describeBoard(),
  ])

  async function measure(): Promise<Outcome[]> {
    const outcomes = await measureCandidates(bundle, pairs, { ...alone, automatic: provider === AUTO })
    cache.set(key, outcomes)
    return outcomes
  }

  /** The first of these, best first, that passes; the outcomes of those that do not become refusals. */
  async function start(outcomes: Outcome[]): Promise<{ place: number; trial: Trial } | undefined> {
    for (const place of ranking(outcomes)) {
      const trial = await tryCandidate(bundle, pairs[place]!, goldens, alone)
      if (!('refusal' in trial)) return { place, trial }
      outcomes[place] = trial
    }
    return undefined
  }

  const [only, ...others] = [...pairs.keys()].filter(i => pairs[i]!.refusal === undefined)
  let outcomes: Outcome[]
  let started: { place: number; trial: Trial } | undefined
  if (only !== undefined && others.length === 0) {
    outcomes = pairs.map(({ refusal = 'not tried' }) => ({ refusal }))
    const trial = await tryCandidate(bundle, pairs[only]!, goldens, alone)
    if ('refusal' in trial) outcomes[only] = trial
    else {
      const { pool: _, ...measured } = trial
      outcomes[only] = measured
      started = { place: only, trial }
    }
  } else {
    const known = cache.get(key)
    outcomes = known ? [...known] : await measure()
    started = await start(outcomes)
    if (known && outcomes.some((outcome, i) => outcome !== known[i])) {
      await started?.trial.pool.close() // what was known of this machine is no longer true
      outcomes = await measure()
      started = await start(outcomes)
    }
  }
  const candidates = pairs.map((pair, i) => candidateOf(pair, outcomes[i]!, i === started?.place))
  if (started === undefined) throw nothingPassed(candidates)
  const { place, trial } = started

  const workers =
    options.workers ?? workersFor(options.patients, Math.min(trial.medianMs, trial.batchedMs), availableParallelism())
  await trial.pool.grow(workers)
  const passed = [place, ...ranking(outcomes).filter(i => i !== place)]
  const stations = passed.map(i => {
    const { batch } = outcomes[i] as Measurement
    const many = { ...alone, batch, workers }
    return {
      model: modelInUse(bundle, pairs[i]!),
      start: () => startCandidate(bundle, pairs[i]!, many),
      prove: () =>
        tryCandidate(bundle, pairs[i]!, goldens, many).then(trial => ('refusal' in trial ? null : trial.pool)),
    }
  })
  const failover = createFailover(stations, trial.pool)
  const urgency = createUrgency(bundle.manifest.tasks)
  return {
    candidates,
    workers,
    get model() {
      return failover.model
    },
    get fallback() {
      return failover.fallback
    },
    get counters() {
      return failover.pool.counters
    },
    get depth() {
      return failover.pool.depth
    },
    async assess(signal, order) {
      if (order === undefined) return failover.assess(signal)
      const inference = await failover.assess(signal, { ...order, urgency: urgency.of(order.patient) })
      urgency.learn(order.patient, inference.probabilities)
      return inference
    },
    close: failover.close,
  }
}

/** Places of those that passed: first the choice, then the others by their speed. */
function ranking(outcomes: readonly Outcome[]): number[] {
  const msOf = (place: number) => (outcomes[place] as Measurement).batchedMs
  const passed = [...outcomes.keys()].filter(place => !('refusal' in outcomes[place]!))
  const best = passed.reduce((chosen, place) => (clearlyFaster(msOf(place), msOf(chosen)) ? place : chosen), passed[0]!)
  return passed.toSorted((a, b) => Number(b === best) - Number(a === best) || msOf(a) - msOf(b))
}

function candidateOf({ variant, provider }: Pair, outcome: Outcome, chosen: boolean): Candidate {
  const what = { variant: variant.file, precision: variant.precision, provider }
  if ('refusal' in outcome) return { ...what, outcome: 'refused', reason: outcome.refusal }
  const { medianMs, fastestMs, batch, batchedMs } = outcome
  const together = batch > 1 && { batch, batchedMs }
  return { ...what, outcome: chosen ? 'chosen' : 'passed', medianMs, fastestMs, ...together }
}

function nothingPassed(candidates: readonly Candidate[]): EngineStartError {
  const variants = new Map<string, string[]>()
  for (const { variant, provider, reason } of candidates) {
    const why = `on ${provider}: ${reason}`
    variants.set(why, [...(variants.get(why) ?? []), variant])
  }
  const reasons = [...variants].map(([why, files]) => `${files.join(', ')} ${why}`)
  return new EngineStartError(
    'NO_VARIANT_PASSED',
    `The model cannot run here (${reasons.join('; ')}); choose another variant or provider, or install another bundle`,
    { candidates },
  )
}

function modelInUse({ manifest }: Bundle, { variant, provider }: Pair): ModelInUse {
  return {
    bundle: manifest.name,
    version: manifest.version,
    sha256: manifest.files[variant.file]!.sha256,
    provider,
    precision: variant.precision,
    variant: variant.file,
  }
}

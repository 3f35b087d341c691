import { availableParallelism } from 'node:os'
import type { Millis } from '../../ecg/units.js'
import type { Bundle } from '../../models/bundle/load-bundle.js'
import type { Candidate } from './candidate.js'
import { AUTO, candidateOf, candidatesFor, nothingPassed, type Pair } from './candidates.js'
import { createFailover, type Station } from './failover.js'
import { readGoldens } from './goldens.js'
import type { InferenceEngine } from './inference-engine.js'
import type { Measurement } from './measurement.js'
import { selectCandidate } from './select-candidate.js'
import { type StartOptions, startCandidate, tryCandidate } from './try-candidate.js'
import { createUrgency } from './urgency.js'
import { workersFor } from './worker-count.js'
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
  const batch = Math.max(1, Math.min(LARGEST_BATCH, patients)) // a gateway without devices yet measures a window, too
  const alone = { deadline, queueLimit, threads, batch, workers: 1 }
  const selection = await selectCandidate(bundle, pairs, {
    ...alone,
    automatic: provider === AUTO,
    cache: options.cache,
  })
  const { outcomes, ranking, trial } = selection
  const candidates = pairs.map((pair, place) => candidateOf(pair, outcomes[place]!, place === ranking[0]))
  if (trial === undefined) throw nothingPassed(candidates)

  const windowMs = Math.min(trial.medianMs, trial.batchedMs)
  const workers = options.workers ?? workersFor(options.patients, windowMs, availableParallelism())
  await trial.pool.grow(workers)
  const stations = ranking.map(place =>
    stationFor(bundle, pairs[place]!, { ...alone, batch: (outcomes[place] as Measurement).batch, workers }),
  )
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

function stationFor(bundle: Bundle, pair: Pair, options: StartOptions): Station {
  const { manifest } = bundle
  const { variant, provider } = pair
  return {
    model: {
      bundle: manifest.name,
      version: manifest.version,
      sha256: manifest.files[variant.file]!.sha256,
      provider,
      precision: variant.precision,
      variant: variant.file,
    },
    start: () => startCandidate(bundle, pair, options),
    async prove() {
      const trial = await tryCandidate(bundle, pair, await readGoldens(bundle), options)
      return 'refusal' in trial ? null : trial.pool
    },
  }
}

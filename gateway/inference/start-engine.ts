import { availableParallelism } from 'node:os'
import { Millis } from '../../ecg/units.js'
import type { Bundle } from '../../models/bundle/load-bundle.js'
import { AUTO, type Candidate, candidatesFor, type Pair } from './candidates.js'
import { createFailover } from './failover.js'
import { readGoldens } from './goldens.js'
import type { InferenceEngine, ModelInUse } from './inference-engine.js'
import { EngineStartError } from './inference-error.js'
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
  /** `auto` (what the bundle is meant for, on the CPU) or the name of a provider. */
  readonly provider?: string | undefined
  /** Undefined: as many as `patients` need with the time that a window was measured to take. */
  readonly workers?: number | undefined
  /** How many send windows at once; undefined: recordings, read as fast as they are answered. */
  readonly patients?: number | undefined
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

/**
 * A candidate takes the place of one that the manifest names earlier only when its fastest run is this many times faster:
 * two gateways, or a gateway and `assess`, must not give different answers because the machine was busy for a moment.
 */
export const CLEARLY = 1.3

/**
 * Tries the bundle's variants and starts with the fastest that passes the goldens; when it fails later, the next fastest runs
 * in its place. What is asked for by name is what runs, or the start fails with an `EngineStartError` (exit code 3): nothing
 * is replaced silently.
 */
export async function startEngine(bundle: Bundle, options: EngineOptions = {}): Promise<BundleEngine> {
  const { variant = AUTO, provider = AUTO, threads = 1 } = options
  const pairs = candidatesFor(bundle.manifest, variant, provider)
  const goldens = await readGoldens(bundle)
  const alone = { ...options, threads, workers: 1 }
  const candidates: Candidate[] = []
  const passed: { pair: Pair; index: number; fastestMs: number }[] = []
  let best: Trial | undefined
  let place = 0
  for (const [index, pair] of pairs.entries()) {
    const trial = await tryCandidate(bundle, pair, goldens, alone)
    candidates.push(tried(pair, trial))
    if ('refusal' in trial) continue
    passed.push({ pair, index, fastestMs: trial.fastestMs })
    const faster = best === undefined || trial.fastestMs * CLEARLY < best.fastestMs
    await (faster ? best : trial)?.pool.close()
    if (faster) [best, place] = [trial, index]
  }
  if (best === undefined) throw nothingPassed(candidates)
  passed.sort((a, b) => Number(b.index === place) - Number(a.index === place) || a.fastestMs - b.fastestMs)
  candidates[place] = { ...candidates[place]!, outcome: 'chosen' }

  const workers = options.workers ?? workersFor(options.patients, best.medianMs, availableParallelism())
  await best.pool.grow(workers)
  const many = { ...alone, workers }
  const stations = passed.map(({ pair }) => ({
    model: modelInUse(bundle, pair),
    start: () => startCandidate(bundle, pair, many),
    prove: () => tryCandidate(bundle, pair, goldens, many).then(trial => ('refusal' in trial ? null : trial.pool)),
  }))
  const failover = createFailover(stations, best.pool)
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

function tried({ variant, provider }: Pair, trial: Trial | { refusal: string }): Candidate {
  const what = { variant: variant.file, precision: variant.precision, provider }
  if ('refusal' in trial) return { ...what, outcome: 'refused', reason: trial.refusal }
  return { ...what, outcome: 'passed', medianMs: trial.medianMs, fastestMs: trial.fastestMs }
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

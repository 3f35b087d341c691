import { availableParallelism } from 'node:os'
import type { Millis } from '../../ecg/units.js'
import type { Bundle } from '../../models/bundle/load-bundle.js'
import { AUTO, type Candidate, candidatesFor, type Pair } from './candidates.js'
import { readGoldens } from './goldens.js'
import type { InferenceEngine, ModelInUse } from './inference-engine.js'
import { EngineStartError } from './inference-error.js'
import { type Trial, tryCandidate } from './try-candidate.js'
import type { PoolCounters } from './worker-pool.js'

/** ONNX Runtime in worker threads, with the variant that won on this machine. */
export interface OrtEngine extends InferenceEngine {
  /** Everything that was considered, in the manifest's order. */
  readonly candidates: readonly Candidate[]
  readonly counters: Readonly<PoolCounters>
  readonly workers: number
}

export interface EngineOptions {
  /** `auto`, or a file name or precision of the bundle's variants. */
  readonly variant?: string | undefined
  /** `auto` (what the bundle is meant for, on the CPU) or the name of a provider. */
  readonly provider?: string | undefined
  readonly workers?: number | undefined
  /** Threads inside one run. One: windows are small and many, so further workers use further cores better. */
  readonly threads?: number | undefined
  /** Windows that may wait. */
  readonly queueLimit?: number | undefined
  /** Longest run of one window, before its thread is given up. */
  readonly deadline?: Millis | undefined
}

/** A desktop core keeps up with dozens of devices; each further worker holds the model in memory once more. */
const MOST_WORKERS_UNASKED = 2

/** Leaves one core to the event loop. */
export const defaultWorkers = (): number => Math.max(1, Math.min(MOST_WORKERS_UNASKED, availableParallelism() - 1))

/**
 * Tries the bundle's variants and starts with the fastest that passes the goldens. What is asked for by name is what runs,
 * or the start fails with an `EngineStartError` (exit code 3): nothing is replaced silently.
 */
export async function startEngine(bundle: Bundle, options: EngineOptions = {}): Promise<OrtEngine> {
  const { variant = AUTO, provider = AUTO, threads = 1, workers = defaultWorkers() } = options
  const pairs = candidatesFor(bundle.manifest, variant, provider)
  const goldens = await readGoldens(bundle)
  const candidates: Candidate[] = []
  let best: Trial | undefined
  let place = -1
  for (const [index, pair] of pairs.entries()) {
    const trial = await tryCandidate(bundle, pair, goldens, { ...options, threads, workers })
    candidates.push(tried(pair, trial))
    if ('refusal' in trial) continue
    const faster = best === undefined || trial.medianMs < best.medianMs
    await (faster ? best : trial)?.pool.close()
    if (faster) [best, place] = [trial, index]
  }
  if (best === undefined) throw nothingPassed(candidates)
  candidates[place] = { ...candidates[place]!, outcome: 'chosen' }
  const { pool } = best
  return {
    model: modelInUse(bundle, pairs[place]!),
    candidates,
    workers,
    counters: pool.counters,
    get depth() {
      return pool.depth
    },
    assess: pool.assess,
    close: pool.close,
  }
}

function tried({ variant, provider }: Pair, trial: Trial | { refusal: string }): Candidate {
  const what = { variant: variant.file, precision: variant.precision, provider }
  if ('refusal' in trial) return { ...what, outcome: 'refused', reason: trial.refusal }
  return { ...what, outcome: 'passed', medianMs: trial.medianMs }
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

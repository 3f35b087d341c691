import { type Bundle, readBundleFile } from '../../models/bundle/load-bundle.js'
import type { Variant } from '../../models/bundle/manifest.js'
import type { Pair } from './candidates.js'
import { type Goldens, worstDeviation } from './goldens.js'
import { InferenceError } from './inference-error.js'
import { mapAssess } from './map-assess.js'
import { libraryFor } from './providers.js'
import { type PoolOptions, startPool, type WorkerPool } from './worker-pool.js'
import type { ModelSetup } from './worker-protocol.js'

/** A candidate that passed, still running. */
export interface Trial {
  readonly pool: WorkerPool
  /** Median run over the goldens. */
  readonly medianMs: number
  /** Fastest run: what the candidate can do when nothing else on the machine is in its way. */
  readonly fastestMs: number
}

export interface StartOptions extends PoolOptions {
  /** Threads inside one run. */
  readonly threads: number
}

/** Loads the pair. Rejects with an `InferenceError` when it cannot be. */
export async function startCandidate(
  bundle: Bundle,
  { variant, provider }: Pair,
  options: StartOptions,
): Promise<WorkerPool> {
  return startPool(await modelSetup(bundle, variant, provider, options.threads), options)
}

/** Loads the pair, checks it against every golden window and times it by them; or says why it cannot be used. */
export async function tryCandidate(
  bundle: Bundle,
  pair: Pair,
  goldens: Goldens,
  options: StartOptions,
): Promise<Trial | { refusal: string }> {
  if (pair.refusal !== undefined) return { refusal: pair.refusal }
  const expected = goldens.expected[pair.variant.file]
  if (expected === undefined) return { refusal: 'the bundle has no goldens for it' }
  let pool: WorkerPool | undefined
  try {
    pool = await startCandidate(bundle, pair, options)
    const probabilities: Float32Array[] = []
    const times: number[] = []
    for await (const [, answer] of mapAssess(pool, goldens.windows, window => window, pool.workers)) {
      probabilities.push(answer!.probabilities)
      times.push(answer!.modelMs)
    }
    const { deviation, task } = worstDeviation(probabilities, expected)
    if (deviation <= goldens.tolerance) return { pool, medianMs: median(times), fastestMs: Math.min(...times) }
    await pool.close()
    const id = bundle.manifest.tasks[task]!.id
    return { refusal: `${id} is off by ${deviation.toPrecision(2)} in the goldens; ${goldens.tolerance} is allowed` }
  } catch (error) {
    await pool?.close()
    if (error instanceof InferenceError) return { refusal: error.message }
    throw error
  }
}

async function modelSetup(
  bundle: Bundle,
  { file, format }: Variant,
  provider: string,
  threads: number,
): Promise<ModelSetup> {
  const { manifest } = bundle
  return {
    format,
    model: await readShared(bundle, file),
    provider,
    library: libraryFor(format),
    threads,
    input: manifest.input.name,
    leads: manifest.input.leads.length,
    samples: manifest.input.samples,
    logits: manifest.outputs.logits,
    calibration: Float64Array.from(manifest.tasks.flatMap(({ calibration: { a, b } }) => [a, b])),
    heads: manifest.heads && {
      features: manifest.outputs.features,
      channels: manifest.heads.channels,
      weights: new Float32Array(await readShared(bundle, manifest.heads.file)),
      from: Float64Array.from(manifest.tasks, ({ alert, threshold }) => (alert ? threshold.value : Infinity)),
    },
  }
}

async function readShared(bundle: Bundle, name: string): Promise<SharedArrayBuffer> {
  const bytes = await readBundleFile(bundle, name)
  const shared = new SharedArrayBuffer(bytes.byteLength)
  new Uint8Array(shared).set(bytes)
  return shared
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

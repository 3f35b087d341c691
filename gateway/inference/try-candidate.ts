import { type Bundle, readBundleFile } from '../../models/bundle/load-bundle.js'
import type { Variant } from '../../models/bundle/manifest.js'
import type { TaskSource } from '../../models/overlay/overlay.js'
import type { Pair } from './candidates.js'
import { clearlyFaster } from './clearly-faster.js'
import { type Goldens, modelTasks, worstDeviation } from './goldens.js'
import type { Answer } from './inference-engine.js'
import { InferenceError } from './inference-error.js'
import { mapAssess } from './map-assess.js'
import type { Measurement } from './measurement.js'
import { runtimeFor } from './providers.js'
import { type PoolOptions, startPool, type WorkerPool } from './worker-pool.js'
import type { ModelSetup } from './worker-protocol.js'

/** A candidate that passed, still running. */
export interface Trial extends Measurement {
  readonly pool: WorkerPool
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

/**
 * Loads the pair, checks it against every golden window and times it by them, alone and `options.batch` at a time; or says why
 * it cannot be used.
 */
export async function tryCandidate(
  bundle: Bundle,
  pair: Pair,
  goldens: Goldens,
  options: StartOptions,
): Promise<Trial | { refusal: string }> {
  if (pair.refusal !== undefined) return { refusal: pair.refusal }
  const expected = goldens.expected[pair.variant.file]
  if (expected === undefined) return { refusal: 'the bundle has no goldens for it' }
  const faultOf = (answers: readonly Answer[]): string | undefined => {
    const probabilities = answers.map(answer => answer.probabilities)
    const { deviation, task } = worstDeviation(probabilities, expected, bundle.sources)
    if (deviation <= goldens.tolerance) return undefined
    const { id } = bundle.manifest.tasks[task]!
    return `${id} is off by ${deviation.toPrecision(2)} in the goldens; ${goldens.tolerance} is allowed`
  }
  let pool: WorkerPool | undefined
  try {
    pool = await startCandidate(bundle, pair, options)
    const answers: Answer[] = []
    for await (const [, answer] of mapAssess(pool, goldens.windows, window => window, pool.workers))
      answers.push(answer!)
    const fault = faultOf(answers)
    if (fault !== undefined) {
      await pool.close()
      return { refusal: fault }
    }
    const times = answers.map(({ modelMs }) => modelMs)
    const fastestMs = Math.min(...times)
    const batchedMs = await timeInBatches(pool, goldens, fastestMs, faultOf)
    if (batchedMs === undefined) pool.batch = 1
    return { pool, medianMs: median(times), fastestMs, batch: pool.batch, batchedMs: batchedMs ?? fastestMs }
  } catch (error) {
    await pool?.close()
    if (error instanceof InferenceError) return { refusal: error.message }
    throw error
  }
}

/** Time that a window takes in a run of several, ms; undefined when that does not pay, or when the answers are not the same. */
async function timeInBatches(
  pool: WorkerPool,
  { windows }: Goldens,
  aloneMs: number,
  faultOf: (answers: readonly Answer[]) => string | undefined,
): Promise<number | undefined> {
  const { batch } = pool
  if (batch === 1) return undefined
  const answers: Answer[] = []
  let fastestMs = Infinity
  while (answers.length < windows.length) {
    const group = Array.from({ length: batch }, (_, i) => windows[(answers.length + i) % windows.length]!)
    const ran = await Promise.all(group.map(window => pool.assess(window)))
    // The first run of a size may compile kernels for it.
    if (answers.length > 0) fastestMs = Math.min(fastestMs, ran[0]!.modelMs / batch)
    if (answers.length > batch && !clearlyFaster(fastestMs, aloneMs)) return undefined
    answers.push(...ran)
  }
  return faultOf(answers.slice(0, windows.length)) === undefined && clearlyFaster(fastestMs, aloneMs)
    ? fastestMs
    : undefined
}

async function modelSetup(
  bundle: Bundle,
  { file, format }: Variant,
  provider: string,
  threads: number,
): Promise<ModelSetup> {
  const { manifest, sources = manifest.tasks.map((_, logit) => ({ logit })) } = bundle
  const added = sources.flatMap(source => ('head' in source ? [source.head] : []))
  return {
    runtime: runtimeFor(format, provider),
    model: await readShared(bundle, file),
    provider,
    threads,
    input: manifest.input.name,
    leads: manifest.input.leads.length,
    samples: manifest.input.samples,
    logits: manifest.outputs.logits,
    logitCount: modelTasks(bundle),
    logitOf: Int32Array.from(sources, source => ('logit' in source ? source.logit : -1)),
    added: added.map(({ weights, bias, cosineScale }) => ({ weights: Float64Array.from(weights), bias, cosineScale })),
    calibration: Float64Array.from(manifest.tasks.flatMap(({ calibration: { a, b } }) => [a, b])),
    heads: manifest.heads && {
      features: manifest.outputs.features,
      channels: manifest.heads.channels,
      weights: headWeights(
        new Float32Array(await readShared(bundle, manifest.heads.file)),
        sources,
        manifest.heads.channels,
      ),
      from: Float64Array.from(manifest.tasks, ({ alert, threshold }) => (alert ? threshold.value : Infinity)),
    },
  }
}

/** Rows of the tasks in the order of the manifest, those of added heads included; of a cosine, what it is made of. */
function headWeights(own: Float32Array, sources: readonly TaskSource[], channels: number): Float32Array {
  const rows = new Float32Array(new SharedArrayBuffer(sources.length * 2 * channels * Float32Array.BYTES_PER_ELEMENT))
  for (const [task, source] of sources.entries()) {
    const first = 2 * channels * ('logit' in source ? source.logit : 0)
    const row = 'logit' in source ? own.subarray(first, first + 2 * channels) : source.head.weights
    rows.set(row, 2 * channels * task)
  }
  return rows
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

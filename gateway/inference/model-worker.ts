import { parentPort, workerData } from 'node:worker_threads'
import { addedLogits } from './added-heads.js'
import { BUSY, STOP } from './exit-guard.js'
import type { Answer } from './inference-engine.js'
import type { ModelRuntime, RuntimeOutputs } from './model-runtime.js'
import { saliencyOf } from './saliency.js'
import { type ModelSetup, WANTED, type WorkerData, type WorkerOutcome, type WorkerReply } from './worker-protocol.js'

/** A worker thread with one model. Anything thrown while it loads ends it, and reaches the pool as its error. */

const { setup, guard, slots } = workerData as WorkerData
const reply = (message: WorkerReply) => parentPort!.postMessage(message)

const runtime = await load(setup).finally(leaveRuntime) // the guard is made BUSY

reply({ kind: 'ready', batches: runtime.batches })
for (let count = wanted(); count > 0; count = wanted()) await run(slots.slice(0, count))
await runtime.release()

/** Sleeps until there is something to do. A wake-up may be late: for what was already seen, and done, without sleeping. */
function wanted(): number {
  for (;;) {
    Atomics.wait(guard, WANTED, 0)
    const count = Atomics.exchange(guard, WANTED, 0)
    if (count !== 0) return count
  }
}

/** Runs it once, too: what a provider compiles at the first run (shaders, kernels) belongs to loading. */
async function load(setup: ModelSetup): Promise<ModelRuntime> {
  const loaded = await open(setup)
  await loaded.run([new Float32Array(setup.leads * setup.samples)])
  return loaded
}

async function open(setup: ModelSetup): Promise<ModelRuntime> {
  const { runtime } = setup
  if (runtime.kind === 'onnx') return (await import('./onnx-runtime.js')).loadOnnx(setup)
  if (runtime.kind === 'litert') return (await import('./litert-runtime.js')).loadLiteRt(setup, runtime.library)
  return (await import('./tflite-runtime.js')).loadTfLite(setup, runtime)
}

async function run(windows: readonly Float32Array[]): Promise<void> {
  Atomics.store(guard, BUSY, 1)
  if (Atomics.load(guard, STOP) === 0) {
    const started = performance.now()
    try {
      const outputs = await runtime.run(windows)
      const modelMs = performance.now() - started
      reply({ kind: 'ran', outcomes: outputs.map(output => outcomeOf(output, modelMs)) })
    } catch (error) {
      const message = `the model failed: ${(error as Error).message}`
      reply({ kind: 'ran', outcomes: windows.map(() => ({ kind: 'rejection', code: 'MODEL_FAILED', message })) })
    }
  }
  leaveRuntime()
}

function outcomeOf({ logits, features }: RuntimeOutputs, modelMs: number): WorkerOutcome {
  const probabilities = calibrate(logits, features)
  if (probabilities === undefined)
    return { kind: 'rejection', code: 'MODEL_OUTPUT_INVALID', message: 'the model’s output is not finite or too short' }
  const saliency = saliencies(features, probabilities, setup)
  return { kind: 'answer', answer: { probabilities, saliency, modelMs } }
}

/** 1 / (1 + exp(−(a · logit + b))) per task; undefined unless the model gives one finite logit for each of its own. */
function calibrate(logits: Float32Array, features: Float32Array | undefined): Float32Array | undefined {
  if (logits.length !== setup.logitCount || !logits.every(Number.isFinite)) return undefined
  const added =
    setup.heads && features && setup.added.length > 0 ? addedLogits(setup.added, features, setup.heads.channels) : []
  if (!added.every(Number.isFinite)) return undefined
  let next = 0
  return Float32Array.from(setup.logitOf, (row, task) => {
    const logit = row >= 0 ? logits[row]! : added[next++]!
    return 1 / (1 + Math.exp(-(setup.calibration[2 * task]! * logit + setup.calibration[2 * task + 1]!)))
  })
}

function saliencies(
  features: Float32Array | undefined,
  probabilities: Float32Array,
  { heads }: ModelSetup,
): Answer['saliency'] {
  const saliency = new Map<number, Float32Array>()
  if (features === undefined || heads === undefined) return saliency
  probabilities.forEach((probability, task) => {
    if (probability >= heads.from[task]!) saliency.set(task, saliencyOf(features, heads.weights, task, heads.channels))
  })
  return saliency
}

function leaveRuntime(): void {
  Atomics.store(guard, BUSY, 0)
  Atomics.notify(guard, BUSY)
}

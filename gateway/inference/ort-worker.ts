import { parentPort, workerData } from 'node:worker_threads'
import * as ort from 'onnxruntime-node'
import { BUSY, STOP } from './exit-guard.js'
import type { Answer } from './inference-engine.js'
import type { OrtReply, OrtRequest, OrtSetup, OrtWorkerData } from './ort-protocol.js'
import { saliencyOf } from './saliency.js'

/** A worker thread with one ONNX Runtime session. Anything thrown while it loads ends it, and reaches the pool as its error. */

const LOG_FATAL_ONLY = 4 // errors arrive as exceptions; ONNX Runtime would also print them

const { setup, guard } = workerData as OrtWorkerData
const port = parentPort!
const reply = (message: OrtReply) => port.postMessage(message)

const session = await load(setup).finally(leaveRuntime) // the guard is made BUSY
const input = new Float32Array(setup.leads * setup.samples)
const fetches = [setup.logits, ...(setup.heads ? [setup.heads.features] : [])]
const feeds = { [setup.input]: new ort.Tensor('float32', input, inputShape(session, setup)) }

port.on('message', (request: OrtRequest) => void (request === null ? stopIfTold() : run(request)))
reply({ kind: 'ready' })

async function run(window: Float32Array): Promise<void> {
  Atomics.store(guard, BUSY, 1)
  if (Atomics.load(guard, STOP) === 0) {
    input.set(window) // the binding refuses tensors over shared memory
    const started = performance.now()
    try {
      answer(await session.run(feeds, fetches), started)
    } catch (error) {
      reply({ kind: 'rejection', code: 'MODEL_FAILED', message: `the model failed: ${(error as Error).message}` })
    }
  }
  leaveRuntime()
  await stopIfTold()
}

function answer(outputs: ort.InferenceSession.ReturnType, started: number): void {
  const probabilities = calibrate(outputs[setup.logits]!.data as Float32Array, setup.calibration)
  if (probabilities === undefined)
    reply({ kind: 'rejection', code: 'MODEL_OUTPUT_INVALID', message: 'the model’s output is not finite or too short' })
  else {
    const saliency = saliencies(outputs, probabilities, setup)
    reply({ kind: 'answer', answer: { probabilities, saliency, modelMs: performance.now() - started } })
  }
}

function saliencies(
  outputs: ort.InferenceSession.ReturnType,
  probabilities: Float32Array,
  { heads }: OrtSetup,
): Answer['saliency'] {
  const saliency = new Map<number, Float32Array>()
  if (heads === undefined) return saliency
  const features = outputs[heads.features]!.data as Float32Array
  probabilities.forEach((probability, task) => {
    if (probability >= heads.from[task]!) saliency.set(task, saliencyOf(features, heads.weights, task, heads.channels))
  })
  return saliency
}

/** 1 / (1 + exp(−(a · logit + b))) per task; undefined unless there is one finite logit for each. */
function calibrate(logits: Float32Array, calibration: Float64Array): Float32Array | undefined {
  if (logits.length * 2 !== calibration.length || !logits.every(Number.isFinite)) return undefined
  return logits.map((logit, task) => 1 / (1 + Math.exp(-(calibration[2 * task]! * logit + calibration[2 * task + 1]!))))
}

function leaveRuntime(): void {
  Atomics.store(guard, BUSY, 0)
  Atomics.notify(guard, BUSY)
}

async function stopIfTold(): Promise<void> {
  if (Atomics.load(guard, STOP) === 0) return
  await session.release()
  port.close()
}

function load({ model, provider, threads }: OrtSetup): Promise<ort.InferenceSession> {
  ort.env.logLevel = 'fatal'
  return ort.InferenceSession.create(new Uint8Array(model).slice(), {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    graphOptimizationLevel: 'all',
    logSeverityLevel: LOG_FATAL_ONLY,
    // Else a provider that takes no node still seems to work, at the CPU's speed.
    ...(provider === 'cpu' ? {} : { extra: { session: { disable_cpu_ep_fallback: '1' } } }),
  })
}

/** The model's own shape with a batch of one; throws unless it takes one window of the manifest's size as float32. */
function inputShape(session: ort.InferenceSession, { input, leads, samples, logits, heads }: OrtSetup): number[] {
  const found = session.inputMetadata.find(({ name }) => name === input)
  if (found?.isTensor !== true || found.type !== 'float32') throw new Error(`the model has no float32 input "${input}"`)
  for (const output of [logits, ...(heads ? [heads.features] : [])])
    if (!session.outputNames.includes(output)) throw new Error(`the model has no output "${output}"`)
  const shape = found.shape.map(dimension => (typeof dimension === 'number' ? dimension : 1))
  if (shape.reduce((product, dimension) => product * dimension, 1) !== leads * samples)
    throw new Error(`the model’s input is ${found.shape.join(' × ')}, not ${leads} leads × ${samples} samples`)
  return shape
}

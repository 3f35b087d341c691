import * as ort from 'onnxruntime-node'
import type { ModelRuntime } from './model-runtime.js'
import type { ModelSetup } from './worker-protocol.js'

/** ONNX Runtime, through onnxruntime-node. */

const LOG_FATAL_ONLY = 4 // errors arrive as exceptions; ONNX Runtime would also print them

export async function loadOnnx(setup: ModelSetup): Promise<ModelRuntime> {
  const session = await createSession(setup)
  const { batches, shape } = inputShape(session, setup)
  const values = setup.leads * setup.samples
  const { logits, heads } = setup
  const fetches = heads ? [logits, heads.features] : [logits]
  /** By the number of windows in a run. */
  const inputs = new Map<number, ort.TypedTensor<'float32'>>()
  function inputFor(count: number): ort.TypedTensor<'float32'> {
    const known = inputs.get(count)
    if (known) return known
    const made = new ort.Tensor('float32', new Float32Array(count * values), [count, ...shape.slice(1)])
    inputs.set(count, made)
    return made
  }
  return {
    batches,
    async run(windows) {
      const input = inputFor(windows.length)
      for (const [i, window] of windows.entries()) input.data.set(window, i * values) // it takes no shared memory
      const outputs = await session.run({ [setup.input]: input }, fetches)
      const [all, maps] = fetches.map(name => outputs[name]!.data as Float32Array)
      return windows.map((_, i) => ({
        logits: share(all!, i, windows.length),
        features: maps && share(maps, i, windows.length),
      }))
    },
    release: () => session.release(),
  }
}

function createSession({ model, provider, threads }: ModelSetup): Promise<ort.InferenceSession> {
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

/** Of several windows' values, those of one. */
function share(values: Float32Array, index: number, count: number): Float32Array {
  const length = values.length / count
  return values.subarray(index * length, (index + 1) * length)
}

/** The model's own shape with a batch of one; throws unless it takes one window of the manifest's size as float32. */
function inputShape(
  session: ort.InferenceSession,
  { input, leads, samples, logits, heads }: ModelSetup,
): { shape: number[]; batches: boolean } {
  const found = session.inputMetadata.find(({ name }) => name === input)
  if (found?.isTensor !== true || found.type !== 'float32') throw new Error(`the model has no float32 input "${input}"`)
  for (const output of heads ? [logits, heads.features] : [logits])
    if (!session.outputNames.includes(output)) throw new Error(`the model has no output "${output}"`)
  const shape = found.shape.map(dimension => (typeof dimension === 'number' ? dimension : 1))
  if (shape.reduce((product, dimension) => product * dimension, 1) !== leads * samples)
    throw new Error(`the model’s input is ${found.shape.join(' × ')}, not ${leads} leads × ${samples} samples`)
  return { shape, batches: typeof found.shape[0] === 'string' }
}

import * as ort from 'onnxruntime-node'
import type { ModelRuntime } from './model-runtime.js'
import type { ModelSetup } from './worker-protocol.js'

/** ONNX Runtime, through onnxruntime-node. */

const LOG_FATAL_ONLY = 4 // errors arrive as exceptions; ONNX Runtime would also print them

export async function loadOnnx(setup: ModelSetup): Promise<ModelRuntime> {
  const session = await createSession(setup)
  const input = new Float32Array(setup.leads * setup.samples)
  const feeds = { [setup.input]: new ort.Tensor('float32', input, inputShape(session, setup)) }
  const { logits, heads } = setup
  const fetches = heads ? [logits, heads.features] : [logits]
  return {
    async run(window) {
      input.set(window) // the binding refuses tensors over shared memory
      const outputs = await session.run(feeds, fetches)
      return {
        logits: outputs[logits]!.data as Float32Array,
        features: heads && (outputs[heads.features]!.data as Float32Array),
      }
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

/** The model's own shape with a batch of one; throws unless it takes one window of the manifest's size as float32. */
function inputShape(session: ort.InferenceSession, { input, leads, samples, logits, heads }: ModelSetup): number[] {
  const found = session.inputMetadata.find(({ name }) => name === input)
  if (found?.isTensor !== true || found.type !== 'float32') throw new Error(`the model has no float32 input "${input}"`)
  for (const output of heads ? [logits, heads.features] : [logits])
    if (!session.outputNames.includes(output)) throw new Error(`the model has no output "${output}"`)
  const shape = found.shape.map(dimension => (typeof dimension === 'number' ? dimension : 1))
  if (shape.reduce((product, dimension) => product * dimension, 1) !== leads * samples)
    throw new Error(`the model’s input is ${found.shape.join(' × ')}, not ${leads} leads × ${samples} samples`)
  return shape
}

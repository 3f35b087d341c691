import * as ort from 'onnxruntime-node'
import type { Manifest } from '../models/bundle/manifest.js'

/** A network called directly, as whoever has no engine would. */
export interface BareSession {
  run(signal: Float32Array): Promise<unknown>
  release(): Promise<void>
}

export async function openBareSession(
  model: Uint8Array,
  { input, outputs }: Pick<Manifest, 'input' | 'outputs'>,
  threads: number,
): Promise<BareSession> {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    graphOptimizationLevel: 'all',
  })
  const data = new Float32Array(input.leads.length * input.samples)
  const metadata = session.inputMetadata.find(({ name }) => name === input.name)
  const shape = metadata?.isTensor === true ? metadata.shape : []
  const tensor = new ort.Tensor(
    'float32',
    data,
    shape.map(dimension => (typeof dimension === 'number' ? dimension : 1)),
  )
  return {
    run(signal) {
      data.set(signal)
      return session.run({ [input.name]: tensor }, [outputs.logits])
    },
    release: () => session.release(),
  }
}

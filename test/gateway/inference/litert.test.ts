import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { startEngine } from '../../../gateway/inference/start-engine.js'
import { startPool } from '../../../gateway/inference/worker-pool.js'
import { type Bundle, loadBundle } from '../../../models/bundle/load-bundle.js'
import { buildBundle, type Edits, expected, fixture } from '../../models/fixtures/build-bundle.js'
import { tinySetup, window } from './fixtures/tiny-setup.js'

/** `make_tflite.py` made the model. */

const library = process.env.ECGCLIP_LITERT
const skip = !library && 'set ECGCLIP_LITERT to the path of libLiteRt.so (see docs/boards.md)'

async function bundle(t: Test, edits: Edits['manifest'] = () => {}): Promise<Bundle> {
  const goldens = { ...expected.expected, 'fp32.tflite': expected.expected['fp32.onnx'] }
  const { directory, trust } = buildBundle(t.testdir(), {
    files: { 'fp32.tflite': fixture('fp32.tflite'), 'goldens.json': Buffer.from(JSON.stringify(goldens)) },
    manifest(manifest) {
      manifest.goldens.tolerance = 1e-5
      manifest.variants[0] = { ...manifest.variants[1]!, file: 'fp32.tflite', format: 'tflite' }
      manifest.tasks[0]!.threshold.value = 0
      manifest.tasks[0]!.alert!.clearBelow = 0
      edits(manifest)
    },
  })
  return loadBundle(directory, [trust])
}

t.test('a TensorFlow Lite model passes the goldens of its ONNX twin, and explains itself alike', { skip }, async t => {
  const loaded = await bundle(t)
  const [lite, onnx] = await Promise.all(
    ['fp32.tflite', 'fp32.onnx'].map(variant => startEngine(loaded, { variant, workers: 2 })),
  )
  t.match(lite!.model, { variant: 'fp32.tflite', provider: 'cpu', precision: 'fp32' })
  const signal = Float32Array.from({ length: 150 }, (_, i) => Math.sin(i))
  for (const window of [signal, signal.map(value => -value)]) {
    const [a, b] = await Promise.all([lite!.assess(window), onnx!.assess(window)])
    t.ok(largestDifference(a.probabilities, b.probabilities) < 1e-5)
    t.ok(largestDifference(a.saliency.get(0)!, b.saliency.get(0)!) < 1e-4)
  }
  await Promise.all([lite!.close(), onnx!.close()])
})

function largestDifference(a: Float32Array, b: Float32Array): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))
}

t.test('it is found to be what runs when it is the only one', { skip }, async t => {
  const engine = await startEngine(await bundle(t, manifest => manifest.variants.pop()))
  t.equal(engine.model.variant, 'fp32.tflite')
  await engine.close()
})

t.test('a thread that is told to stop in the moment of its last answer frees its model once', { skip }, async t => {
  const setup = { ...tinySetup(fixture('fp32.tflite')), runtime: { kind: 'litert', library: library! } } as const
  for (let i = 0; i < 12; i++) {
    const { assess, close } = await startPool(setup, { workers: 1 })
    t.equal((await assess(window())).probabilities.length, 3)
    await close()
  }
})

t.test('a broken model, a missing output and a missing accelerator are refused with the reason', { skip }, async t => {
  const refusal = async (loaded: Bundle, options: object) =>
    startEngine(loaded, { variant: 'fp32.tflite', workers: 1, ...options }).then(
      () => 'accepted',
      error => error.candidates[0].reason as string,
    )
  t.match(await refusal(await bundle(t), { provider: 'npu' }), /failed with status/)
  await t.test('output', async t =>
    t.match(
      await refusal(await bundle(t, ({ outputs }) => Object.assign(outputs, { logits: 'x' })), {}),
      /no output "x"/,
    ),
  )
})

t.test('without the library it is refused with the way to get it', async t => {
  const loaded = await bundle(t)
  const names = ['ECGCLIP_LITERT', 'ECGCLIP_TFLITE'] as const
  const before = names.map(name => process.env[name])
  t.teardown(() => {
    for (const [i, name] of names.entries()) if (before[i] !== undefined) process.env[name] = before[i]
  })
  for (const name of names) delete process.env[name]
  const start = () => startEngine(loaded, { variant: 'fp32.tflite' })
  await t.rejects(start(), {
    code: 'NO_VARIANT_PASSED',
    message: /set to the path of its libLiteRt.so.*: pip download/,
  })
  process.env.ECGCLIP_LITERT = fileURLToPath(new URL('./no-such.so', import.meta.url))
  await t.rejects(start(), {
    code: 'NO_VARIANT_PASSED',
    message: /no-such.so was named as a library but does not exist/,
  })
  delete process.env.ECGCLIP_LITERT
})

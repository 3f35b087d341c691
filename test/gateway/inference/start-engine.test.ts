import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import t, { type Test } from 'tap'
import type { Candidate } from '../../../gateway/inference/candidate.js'
import { CLEARLY } from '../../../gateway/inference/clearly-faster.js'
import { readGoldens } from '../../../gateway/inference/goldens.js'
import { mapAssess } from '../../../gateway/inference/map-assess.js'
import { publishedProbabilities } from '../../../gateway/inference/published-probabilities.js'
import { type BundleEngine, type EngineOptions, startEngine } from '../../../gateway/inference/start-engine.js'
import { workersFor } from '../../../gateway/inference/worker-count.js'
import { type Bundle, loadBundle, readBundleFile } from '../../../models/bundle/load-bundle.js'
import type { Task } from '../../../models/bundle/manifest.js'
import { SHIPPED_BUNDLE } from '../../../models/shipped-assets.js'
import { buildBundle, type Edits, expected, fixture, LEADS, SAMPLES } from '../../models/fixtures/build-bundle.js'
import { SLOW, window } from './fixtures/tiny-setup.js'

/** Single precision leaves about 1e-7 of a logit; the two programs may order their sums differently. */
const FP32_TOLERANCE = 1e-5

async function bundle(t: Test, edits: Edits = {}): Promise<Bundle> {
  const { directory, trust } = buildBundle(t.testdir(), edits)
  return loadBundle(directory, [trust])
}

async function engine(t: Test, bundle: Bundle, options: EngineOptions = {}): Promise<BundleEngine> {
  const engine = await startEngine(bundle, options)
  t.teardown(() => engine.close())
  return engine
}

function goldenWindows(): Float32Array[] {
  const bytes = fixture('goldens.bin')
  return Array.from({ length: 16 }, (_, w) =>
    Float32Array.from({ length: LEADS * SAMPLES }, (_, i) => bytes.readInt16LE((w * LEADS * SAMPLES + i) * 2) / 1000),
  )
}

t.test('fp32 gives the probabilities that ONNX Runtime gives in Python', async t => {
  const { assess, model } = await engine(t, await bundle(t), { variant: 'fp32' })
  t.match(model, { bundle: 'tiny', version: '1.0.0', provider: 'cpu', precision: 'fp32', variant: 'fp32.onnx' })
  for (const [w, signal] of goldenWindows().entries()) {
    const { probabilities } = await assess(signal)
    for (const [task, probability] of probabilities.entries())
      t.ok(Math.abs(probability - expected.expected['fp32.onnx']![w]![task]!) < FP32_TOLERANCE)
  }
})

t.test('the manifest’s first variant is chosen unless another is clearly faster, and the table says so', async t => {
  const { candidates, model } = await engine(t, await bundle(t))
  t.match(candidates, [
    { variant: 'int8.onnx', precision: 'int8', provider: 'cpu', medianMs: Number, fastestMs: Number },
    { variant: 'fp32.onnx', precision: 'fp32', provider: 'cpu', medianMs: Number, fastestMs: Number },
  ])
  const [first, second] = candidates as [Candidate, Candidate]
  const chosen = second.fastestMs! * CLEARLY < first.fastestMs! ? second : first
  t.equal(chosen.outcome, 'chosen')
  t.equal(chosen.variant, model.variant)
  t.equal(candidates.filter(({ outcome }) => outcome === 'passed').length, 1)
})

t.test('a variant that misses its goldens in one window is refused with the task that shows it', async t => {
  const wrong = structuredClone(expected.expected)
  wrong['int8.onnx']![15]![2]! += 0.1
  const edits = { files: { 'goldens.json': Buffer.from(JSON.stringify(wrong)) } }
  const loaded = await bundle(t, edits)
  const { candidates, model } = await engine(t, loaded)
  t.equal(model.variant, 'fp32.onnx')
  t.match(candidates[0], { outcome: 'refused', reason: /^PVC is off by 0\.\d+ in the goldens/ })
  await t.rejects(startEngine(loaded, { variant: 'int8' }), {
    code: 'NO_VARIANT_PASSED',
    exitCode: 3,
    candidates: [{ variant: 'int8.onnx', outcome: 'refused' }],
  })
})

t.test('a variant that does not load, or has no goldens, is refused and the other one is used', async t => {
  const goldens = Buffer.from(JSON.stringify({ 'fp32.onnx': expected.expected['fp32.onnx'] }))
  const broken = await bundle(t, { files: { 'int8.onnx': Buffer.from('not a model') } })
  t.match((await engine(t, broken)).candidates, [{ outcome: 'refused', reason: /protobuf/i }, { outcome: 'chosen' }])
  await t.test('without goldens', async t => {
    const untested = await bundle(t, { files: { 'goldens.json': goldens } })
    t.match((await engine(t, untested)).candidates, [{ reason: /no goldens/ }, { outcome: 'chosen' }])
  })
})

t.test('goldens of the wrong shape are an error of the bundle', async t => {
  const short = Buffer.from(JSON.stringify({ 'fp32.onnx': [[0.5, 0.5, 0.5]] }))
  await t.rejects(startEngine(await bundle(t, { files: { 'goldens.json': short } })), {
    code: 'GOLDENS_INVALID',
    exitCode: 3,
  })
})

t.test('what is asked for by name is used or refused, never replaced', async t => {
  const loaded = await bundle(t)
  await t.rejects(startEngine(loaded, { variant: 'fp16' }), {
    code: 'VARIANT_UNKNOWN',
    exitCode: 3,
    message: /int8\.onnx, fp32\.onnx/,
  })
  for (const provider of ['webgpu', 'cuda', 'tensorrt', 'no-such'])
    await t.test(provider, async t => {
      try {
        const { candidates, model, close } = await startEngine(loaded, { provider, workers: 1 })
        await close()
        t.equal(model.provider, provider, 'this machine has it')
        t.ok(candidates.some(({ outcome }) => outcome === 'chosen'))
      } catch (error) {
        t.match(error, {
          code: 'NO_VARIANT_PASSED',
          exitCode: 3,
          candidates: [{ provider, reason: String }, { provider }],
        })
      }
    })
})

t.test('there are as many workers as bring a burst of all patients’ windows home in time', async t => {
  t.same(
    [1, 2, 62, 63, 1000].map(patients => workersFor(patients, 4, 4)),
    [1, 1, 1, 2, 4],
  )
  t.same(
    [1, 2, 16].map(cores => workersFor(undefined, 4, cores)),
    [1, 1, 2],
    'recordings',
  )
  t.equal((await engine(t, await bundle(t), { patients: 1 })).workers, 1)
  t.equal((await engine(t, await bundle(t), { patients: 0 })).workers, 1, 'also before there is a patient')
})

t.test('what this version cannot run is listed with the reason', async t => {
  const loaded = await bundle(t, {
    files: { 'int8.tflite': Buffer.from('none') },
    manifest: manifest => {
      manifest.variants[0]!.providers = ['edgetpu', 'webgpu']
      manifest.variants.unshift({ ...manifest.variants[0]!, file: 'int8.tflite', format: 'tflite', providers: ['cpu'] })
    },
  })
  t.match((await engine(t, loaded)).candidates, [
    { variant: 'int8.tflite', outcome: 'refused', reason: String },
    { provider: 'edgetpu', outcome: 'refused', reason: /no such provider/ },
    { provider: 'webgpu', outcome: 'refused' },
    { variant: 'fp32.onnx', outcome: 'chosen' },
  ])
})

t.test('the event loop runs on while the model runs', async t => {
  const { assess } = await engine(t, await bundle(t), { variant: 'fp32', workers: 1 })
  const delay = monitorEventLoopDelay({ resolution: 1 })
  let ticks = 0
  let modelMs = 0
  const timer = setInterval(() => ticks++, 1)
  delay.enable()
  const ticksPerWindow: number[] = []
  for (let i = 0; i < 64; i++) {
    const before = ticks
    modelMs += (await assess(window(SLOW, 20))).modelMs
    ticksPerWindow.push(ticks - before)
  }
  clearInterval(timer)
  delay.disable()
  t.comment(
    `${modelMs.toFixed(0)} ms in the model; event loop delayed by ${(delay.percentile(99) / 1e6).toFixed(1)} ms (p99)`,
  )
  // A run on the event loop itself lets a timer fire once between two runs at most.
  const median = ticksPerWindow.toSorted((a, b) => a - b)[32]!
  t.ok(median >= 3, `a 1-ms timer fired ${median} times during the median run`)
})

t.test('a recording is assessed in order, passing over windows that must not be', async t => {
  const bundled = await bundle(t)
  const { assess } = await engine(t, bundled, { variant: 'fp32', workers: 2 })
  const signals = goldenWindows().map((signal, w) => (w % 5 === 4 ? undefined : signal))
  let w = 0
  for await (const [item, inference] of mapAssess({ assess }, signals.entries(), ([, signal]) => signal, 4)) {
    t.equal(item[0], w)
    if (w % 5 === 4) t.equal(inference, undefined)
    else t.ok(Math.abs(inference!.probabilities[0]! - expected.expected['fp32.onnx']![w]![0]!) < FP32_TOLERANCE)
    w++
  }
  t.equal(w, 16)
  const bad = mapAssess({ assess }, [new Float32Array(1), signals[0]!], signal => signal, 4)
  await t.rejects(bad.next(), { code: 'INPUT_INVALID' })
})

t.test('saliency of a task that alerts adds up to its logit, and no other task has any', async t => {
  const sorted = expected.expected['fp32.onnx']!.map(([first]) => first!).sort((a, b) => a - b)
  const median = (sorted[7]! + sorted[8]!) / 2
  const loaded = await bundle(t, {
    manifest({ tasks: [task] }) {
      task!.threshold.value = median
      task!.alert!.clearBelow = 0
    },
  })
  const { assess } = await engine(t, loaded, { variant: 'fp32' })
  const [{ calibration, threshold }] = loaded.manifest.tasks as [Task]
  let explained = 0
  for (const signal of goldenWindows()) {
    const { probabilities, saliency } = await assess(signal)
    const probability = probabilities[0]!
    t.same([...saliency.keys()], probability >= threshold.value ? [0] : [], 'tasks 1 and 2 never alert')
    if (saliency.size === 0) continue
    explained++
    const logit = (Math.log(probability / (1 - probability)) - calibration.b) / calibration.a
    const steps = saliency.get(0)!
    t.equal(steps.length, SAMPLES)
    t.ok(Math.abs(steps.reduce((sum, step) => sum + step, 0) - logit) < 1e-3 * Math.max(1, Math.abs(logit)))
  }
  t.equal(explained, 8)
})

/** Of windows with chest leads; the others have an offset beside. */
t.test('with the shipped bundle, in both precisions, saliency and bias add up to the logit', async t => {
  const shipped = await loadBundle(SHIPPED_BUNDLE)
  const { heads, tasks } = shipped.manifest
  const { windows } = await readGoldens(shipped)
  const bytes = await readBundleFile(shipped, heads!.file)
  const biases = 4 * tasks.length * 2 * heads!.channels
  for (const variant of ['int8', 'fp32']) {
    const { assess } = await engine(t, shipped, { variant })
    let alerts = 0
    for (const signal of windows.filter(hasChestLeads)) {
      const { probabilities, saliency } = await assess(signal)
      for (const [task, steps] of saliency) {
        const { a, b } = tasks[task]!.calibration
        const logit = steps.reduce((sum, step) => sum + step, 0) + bytes.readFloatLE(biases + 4 * task)
        t.ok(Math.abs(1 / (1 + Math.exp(-(a * logit + b))) - probabilities[task]!) < 1e-5)
        alerts++
      }
    }
    t.ok(alerts > 0)
  }
})

function hasChestLeads(signal: Float32Array): boolean {
  return signal.subarray(signal.length / 2).some(millivolts => millivolts !== 0)
}

t.test('a bundle without heads gives no saliency', async t => {
  const old = await bundle(t, { manifest: manifest => delete manifest.heads })
  const { assess } = await engine(t, old, { variant: 'fp32' })
  for (const signal of goldenWindows()) t.equal((await assess(signal)).saliency.size, 0)
})

t.test('probabilities are published by task id with six significant digits', async t => {
  const { manifest } = await bundle(t)
  const probabilities = Float32Array.of(0.123456789, 1 / 3, 1.23456789e-5)
  const taskIds = manifest.tasks.map(({ id }) => id)
  t.same(publishedProbabilities(probabilities, taskIds), { AFIB: 0.123457, NORM: 0.333333, PVC: 0.0000123457 })
})

t.test('what was measured is not measured again until the bundle or the machine changes', async t => {
  const loaded = await bundle(t)
  const cache = join(t.testdirName, 'cache')
  const file = join(cache, 'providers.json')
  const first = await engine(t, loaded, { cache })
  const kept = readFileSync(file, 'utf8')
  const second = await engine(t, loaded, { cache })
  t.equal(second.model.variant, first.model.variant)
  t.equal(readFileSync(file, 'utf8'), kept)

  await t.test('another machine', async t => {
    const refusal = 'of another machine'
    writeFileSync(file, JSON.stringify([{ key: 'another', outcomes: [{ refusal }, { refusal }] }]))
    t.equal((await engine(t, loaded, { cache })).candidates.filter(({ outcome }) => outcome === 'refused').length, 0)
    t.equal(JSON.parse(readFileSync(file, 'utf8')).length, 2)
  })
  await t.test('a damaged file, and a folder that cannot be', async t => {
    writeFileSync(file, kept.slice(0, 100))
    t.equal((await engine(t, loaded, { cache })).candidates[0]!.outcome === 'refused', false)
    await engine(t, loaded, { cache: join(file, 'below-a-file') })
  })
})

t.test('a choice that no longer passes its goldens is measured anew', async t => {
  const loaded = await bundle(t)
  const cache = join(t.testdirName, 'cache')
  await engine(t, loaded, { cache })
  await t.test('broken', async t => {
    const file = join(cache, 'providers.json')
    const known = JSON.parse(readFileSync(file, 'utf8'))
    // int8 is said to be by far the faster, but cannot be loaded any more.
    const wrong = structuredClone(expected.expected)
    wrong['int8.onnx']![0]![0]! += 0.5
    const changed = await bundle(t, { files: { 'goldens.json': Buffer.from(JSON.stringify(wrong)) } })
    known[0].outcomes[0].batchedMs = 1e-6
    writeFileSync(file, JSON.stringify(known))
    const same: Bundle = { ...changed, sha256: loaded.sha256 }
    const { candidates, model } = await engine(t, same, { cache })
    t.equal(model.variant, 'fp32.onnx')
    t.match(candidates[0], { outcome: 'refused', reason: /is off by 0\.5/ })
    t.match(JSON.parse(readFileSync(file, 'utf8'))[0].outcomes[0], { refusal: /is off by/ })
  })
})

const compiler = spawnSync('gcc', ['--version']).status === 0
t.test('a driver that takes its process down is refused, and nobody else notices', { skip: !compiler }, async t => {
  const folder = t.testdir({
    'driver.c': '#include <stdlib.h>\n__attribute__((constructor)) static void load(void) { abort(); }',
  })
  const library = join(folder, 'driver.so')
  t.equal(spawnSync('gcc', ['-shared', '-fPIC', '-o', library, join(folder, 'driver.c')]).status, 0)
  const before = process.env.ECGCLIP_LITERT
  process.env.ECGCLIP_LITERT = library
  t.teardown(() => {
    if (before === undefined) delete process.env.ECGCLIP_LITERT
    else process.env.ECGCLIP_LITERT = before
  })
  await t.test('tried', async t => {
    const loaded = await bundle(t, {
      files: { 'any.tflite': Buffer.from('never read'), 'goldens.json': goldensOf('any.tflite', 'fp32.onnx') },
      manifest: ({ variants }) =>
        variants.splice(0, 1, { ...variants[1]!, file: 'any.tflite', format: 'tflite', providers: ['gpu'] }),
    })
    const { candidates, model } = await engine(t, loaded)
    t.equal(model.variant, 'fp32.onnx')
    t.match(candidates[0], { outcome: 'refused', reason: 'the process that tried it ended with SIGABRT' })
  })
})

/** Both are expected to give what `fp32.onnx` gives. */
function goldensOf(...files: string[]): Buffer {
  return Buffer.from(JSON.stringify(Object.fromEntries(files.map(file => [file, expected.expected['fp32.onnx']]))))
}

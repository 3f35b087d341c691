import t, { type Test } from 'tap'
import { INDEPENDENT_LEADS } from '../../ecg/leads.js'
import { Hertz, Microseconds, Millivolts, SampleIndex, Seconds, UnixMillis } from '../../ecg/units.js'
import type {
  DeviceIdentity,
  DeviceListener,
  DeviceStream,
  LinkCounters,
  SampleBlock,
} from '../../firmware-bridge/device-stream.js'
import type { AssessedWindow } from '../../gateway/alerts/assessed-window.js'
import { createDevicePipeline } from '../../gateway/device-pipeline.js'
import type { Inference, InferenceEngine } from '../../gateway/inference/inference-engine.js'
import { InferenceError } from '../../gateway/inference/inference-error.js'
import type { DeviceReport } from '../../gateway/mqtt/device-state-message.js'
import { bundleInput } from './window/bundle-input.js'

/** The joints between the stages; the stages themselves have tests of their own. */

const RATE = 500
const MODEL = { bundle: 'b', version: '1.0.0', sha256: '00', provider: 'cpu', precision: 'int8', variant: 'v' } as const

const identity = (boot: number, rate = RATE): DeviceIdentity => ({
  id: 'patch-1',
  model: 'm',
  firmware: '1.0.0',
  boot,
  rate: Hertz(rate),
  lsb: Millivolts(0.001),
  channels: INDEPENDENT_LEADS,
  retain: 0,
  capabilities: [],
})

function block(first: number, count: number, electrodesOff = 0): SampleBlock {
  const channels = INDEPENDENT_LEADS.length
  const values = Int32Array.from({ length: count * channels }, (_, i) => Math.round(500 * Math.sin(i / 97)))
  const arrived = Microseconds(((first + count) / RATE) * 1e6)
  return {
    first: SampleIndex(first),
    count,
    channels,
    values,
    electrodesOff,
    saturated: false,
    retransmission: false,
    arrived,
  }
}

interface Rig {
  readonly device: DeviceListener
  readonly windows: AssessedWindow[]
  readonly conditions: string[]
  readonly reports: DeviceReport[]
  readonly engine: { fallback: string | null }
  readonly pipeline: ReturnType<typeof createDevicePipeline>
  stream(first: number, seconds: number, electrodesOff?: number): void
}

/** `assess` answers each window in turn; the device's clock puts sample n at n / RATE seconds after the epoch. */
function rig(t: Test, assess: (call: number) => Promise<Inference>, claim: () => string | null = () => null): Rig {
  let device: DeviceListener | undefined
  let calls = 0
  const windows: AssessedWindow[] = []
  const conditions: string[] = []
  const reports: DeviceReport[] = []
  const stream: DeviceStream = {
    uri: 'test:',
    counters: { reboots: 0 } as LinkCounters,
    timeOf: sample => ({ utc: UnixMillis((1000 * sample) / RATE), uncertaintyMs: 0.123 }),
    radio: () => ({ rssi: -58, mtu: 247 }),
    start: listener => {
      device = listener
    },
    firstOpen: Promise.resolve(),
    release: async () => {},
    retake() {},
    stop: async () => {},
  }
  const engine: InferenceEngine & { fallback: string | null } = {
    model: MODEL,
    fallback: null,
    depth: 0,
    assess: () => assess(calls++),
    close: async () => {},
  }
  const pipeline = createDevicePipeline({
    stream,
    model: { input: bundleInput(), taskIds: ['AFIB'], engine },
    hop: Seconds(5),
    log: { info() {}, warn() {}, error: (_, message) => t.comment(message) },
    monotonic: () => Microseconds(0),
    utc: () => UnixMillis(0),
    assessed: (_, result) => windows.push(result),
    condition: (_, key, detail) => {
      if (detail !== null) conditions.push(key)
    },
    report: (_, report) => reports.push(report),
    identified() {},
    samples() {},
    claim,
  })
  pipeline.start()
  return {
    device: device!,
    windows,
    conditions,
    reports,
    engine,
    pipeline,
    stream(first, seconds, electrodesOff = 0) {
      for (let at = 0; at < seconds * RATE; at += 50) device!.samples(block(first + at, 50, electrodesOff))
    },
  }
}

const answer = (p: number): Inference => ({
  probabilities: Float32Array.of(p),
  saliency: new Map(),
  modelMs: 1,
  model: MODEL,
})

t.test('results come in the order of the windows, whichever answer comes first', async t => {
  const answers: ((inference: Inference) => void)[] = []
  const { device, windows, pipeline, stream } = rig(t, () => new Promise(resolve => answers.push(resolve)))
  device.identified(identity(1))
  stream(0, 15)
  answers[1]!(answer(0.2))
  await new Promise(setImmediate)
  t.equal(windows.length, 0)
  answers[0]!(answer(0.1))
  await pipeline.stop()
  t.same(
    windows.slice(0, 2).map(({ window, probabilities }) => [window.index, probabilities?.[0]?.toFixed(1)]),
    [
      [0, '0.1'],
      [1, '0.2'],
    ],
  )
  t.match(windows[1], { start: 5000, end: 15000, uncertaintyMs: 0.2 })
})

t.test('a window that the model does not answer is reported without findings, and why', async t => {
  const { device, windows, conditions, pipeline, stream } = rig(t, async () => {
    throw new Error('the model returned NaN')
  })
  device.identified(identity(1))
  stream(0, 10)
  await pipeline.stop()
  t.match(windows[0], { probabilities: null, window: { index: 0, quality: 'uninterpretable' } })
  t.match(windows[0]?.window.reasons.at(-1), /NaN/)
  t.ok(conditions.includes('INFERENCE_FAILING'))
})

t.test('a reboot ends the windows that were open, as incomplete, and begins again at window 0', async t => {
  const { device, windows, pipeline, stream } = rig(t, async () => answer(0.5))
  device.identified(identity(1))
  stream(0, 12)
  device.identified(identity(2))
  stream(0, 10)
  await pipeline.stop()
  const seen = windows.map(({ window }) => [window.boot, window.index, window.missing])
  t.same(seen.slice(0, 4), [
    [1, 0, 0],
    [1, 1, 3 * RATE],
    [1, 2, 8 * RATE],
    [2, 0, 0],
  ])
})

t.test('windows that the gateway itself cuts short are no gap in the data, as those of a reboot are', async t => {
  const { device, windows, conditions, pipeline, stream, engine } = rig(t, async () => answer(0.5))
  device.identified(identity(1))
  stream(0, 12)
  const { rate, samples, ...input } = bundleInput()
  pipeline.use({
    input: { ...input, rate, samples: samples / 2 },
    taskIds: ['AFIB'],
    engine: engine as InferenceEngine,
  })
  stream(12 * RATE, 7)
  await pipeline.stop()
  t.ok(windows.some(({ window }) => window.missing > 0))
  t.notOk(conditions.includes('DATA_GAP'))

  const rebooting = rig(t, async () => answer(0.5))
  rebooting.device.identified(identity(1))
  rebooting.stream(0, 12)
  rebooting.device.identified(identity(2))
  await rebooting.pipeline.stop()
  t.ok(rebooting.conditions.includes('DATA_GAP'))
})

t.test('a device that the bundle was not made for is shown, but not assessed', async t => {
  const { device, windows, conditions, reports, pipeline, stream } = rig(t, async () => answer(0.5))
  device.identified(identity(1, 333))
  device.state('streaming', 'it streams')
  stream(0, 15)
  await pipeline.stop()
  t.equal(windows.length, 0)
  t.ok(conditions.includes('INFERENCE_FAILING'))
  t.match(reports[0], { state: 'streaming', identity: { id: 'patch-1' }, radio: { rssi: -58, mtu: 247 } })
})

t.test('electrodes are told when they change, and a boot starts with none off', async t => {
  const { device, conditions, reports, pipeline, stream } = rig(t, async () => answer(0.5))
  device.identified(identity(1))
  stream(0, 2, 0b100_0000)
  t.same(reports.at(-1)?.electrodesOff, ['V3'])
  t.same(
    conditions.filter(key => key === 'ELECTRODES_OFF'),
    ['ELECTRODES_OFF'],
  )
  device.identified(identity(2))
  pipeline.report()
  t.same(reports.at(-1)?.electrodesOff, [])
  await pipeline.stop()
  t.equal(reports.at(-1)?.state, 'lost')
})

t.test('battery and temperature are those of the device that is there, not of the one before it', async t => {
  const { device, reports } = rig(t, async () => answer(0.5))
  device.identified(identity(1))
  device.status({ battery: 3, temperatureC: 36 })
  device.identified({ ...identity(2), id: 'patch-2' })
  device.state('connected', 'patch-2 said HELLO')
  t.match(reports.at(-1), { identity: { id: 'patch-2' } })
  t.same(reports.at(-1)!.status, {})
})

t.test('the same state with another reason at every packet is told once, and its last reason later', async t => {
  const { device, reports, pipeline } = rig(t, async () => answer(0.5))
  device.identified(identity(1))
  for (let i = 0; i < 100; i++) device.state('streaming', `reason ${i}`)
  t.equal(reports.length, 1)
  pipeline.tick(Microseconds(6e6))
  t.equal(reports.length, 2)
  t.equal(reports.at(-1)?.reason, 'reason 99')
})

t.test('a device whose id another one has is not listened to, until that one is gone', async t => {
  let elsewhere: string | null = 'serial:/dev/ttyACM0'
  const { device, windows, reports, pipeline, stream } = rig(
    t,
    async () => answer(0.5),
    () => elsewhere,
  )
  device.identified(identity(1))
  device.state('streaming', 'it streams')
  stream(0, 10)
  pipeline.tick(Microseconds(0))
  await new Promise(setImmediate)
  t.equal(windows.length, 0)
  t.equal(reports.length, 0)
  t.equal(pipeline.present, false)
  elsewhere = null
  pipeline.tick(Microseconds(0))
  t.equal(pipeline.present, true)
  stream(5000, 10)
  await pipeline.stop()
  t.match(windows[0]?.window, { index: 0, firstSample: 5000, missing: 0 })
})

t.test('a window that was passed over is an overload of the machine, not a failure of the model', async t => {
  const passedOver = new InferenceError('PASSED_OVER', 'too many windows')
  const { device, windows, conditions, pipeline, stream } = rig(t, async call => {
    if (call === 0) throw passedOver
    return answer(0.1)
  })
  device.identified(identity(1))
  stream(0, 15)
  await pipeline.stop()
  t.match(windows[0]?.window.reasons.at(-1), /not assessed: too many windows/)
  t.match(windows[1], { probabilities: Float32Array.of(0.1) })
  t.ok(conditions.includes('INFERENCE_OVERLOADED'))
  t.notOk(conditions.includes('INFERENCE_FAILING'))
})

t.test('each window names the model that answered it, and a fallback is a condition of the gateway', async t => {
  const other = { ...MODEL, precision: 'fp32', variant: 'w' } as const
  const { device, windows, conditions, pipeline, stream, engine } = rig(t, async () => ({
    ...answer(0.1),
    model: other,
  }))
  device.identified(identity(1))
  stream(0, 10)
  engine.fallback = 'v failed; w runs in its place'
  await pipeline.stop()
  t.same(windows[0]?.model, other)
  t.ok(conditions.includes('PROVIDER_FALLBACK'))
})

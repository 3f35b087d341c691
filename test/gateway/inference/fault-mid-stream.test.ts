import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import t from 'tap'
import { Hertz } from '../../../ecg/units.js'
import type { SampleSource } from '../../../firmware-bridge/emulator/sample-source.js'
import { startDeviceOnPty } from '../../../firmware-bridge/emulator/virtual-device.js'
import { loadConfig } from '../../../gateway/config/load-config.js'
import { startGateway } from '../../../gateway/gateway.js'
import { startEngine } from '../../../gateway/inference/start-engine.js'
import type { AssessmentMessage } from '../../../gateway/mqtt/messages.js'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import { buildBundle } from '../../models/fixtures/build-bundle.js'
import { FAIL, POISON } from './fixtures/tiny-setup.js'

/** A whole gateway with a device on a pseudo-terminal, whose model fails in the middle of the stream, as subscribers see it. */

const RATE = Hertz(50)
const COUNTS_PER_MILLIVOLT = 1000
/** Samples between which a window that begins makes `fp32.onnx` fail. */
const [FROM, TO] = [150, 200]
const WINDOWS_AFTERWARDS = 6

/** Three leads of something that is neither flat nor at a rail; lead I stands about `trigger` mV for a while. */
function failing(trigger: number): SampleSource {
  return {
    rate: RATE,
    lsbPicovolts: 1e6,
    leads: ['I', 'II', 'V1'],
    read(first, count, values) {
      for (let i = 0; i < count; i++)
        for (let lead = 0; lead < 3; lead++) {
          const sample = first + i
          const level = lead === 0 && sample >= FROM && sample < TO ? trigger : 0
          values[3 * i + lead] = COUNTS_PER_MILLIVOLT * (level + 0.3 * Math.sin(1.7 * sample + lead))
        }
      return count
    },
  }
}

for (const [fault, trigger] of [
  ['gives NaN', POISON],
  ['throws', FAIL],
] as const)
  t.test(`a model that ${fault} mid-stream is replaced, the change is announced, and no window is lost`, async t => {
    const folder = t.testdir()
    const { directory, trust } = buildBundle(folder)
    const data = join(folder, 'data')
    // The variant that is going to fail is said to be by far the faster, and so is chosen.
    const { close } = await startEngine(await loadBundle(directory, [trust]), { patients: 1, cache: data })
    await close()
    const cache = join(data, 'providers.json')
    const known = JSON.parse(readFileSync(cache, 'utf8'))
    known[0].outcomes[1].batchedMs = 1e-6
    writeFileSync(cache, JSON.stringify(known))

    const device = await startDeviceOnPty({ source: failing(trigger), id: 'bed-1', samplesPerPacket: 5 })
    const gateway = await startGateway({
      config: loadConfig(undefined, {
        id: 'gw',
        data,
        bundle: directory,
        trust,
        devices: [{ uri: device.carrier.uri }],
        broker: { url: 'embedded', embeddedPort: 0 },
        monitor: { enabled: false },
        hopSeconds: 0.5,
      }),
      version: '0',
      log: { info() {}, warn() {}, error() {} },
    })
    const client = await connectAsync(gateway.messaging.url.href)
    t.teardown(async () => {
      await client.endAsync()
      await gateway.stop()
      await device.stop()
    })
    const windows: AssessmentMessage[] = []
    const alerts: { phase: string; condition: { key: string }; evidence: { detail?: string } }[] = []
    const seen = new Promise<void>(resolve => {
      client.on('message', (topic, payload) => {
        const message = JSON.parse(payload.toString())
        if (topic.endsWith('/assessment')) windows.push(message)
        else alerts.push(message)
        const replaced = windows.findIndex(({ model }) => model.precision === 'int8')
        if (replaced >= 0 && windows.length > replaced + WINDOWS_AFTERWARDS && alerts.length > 0) resolve()
      })
    })
    await client.subscribeAsync(['ecg/gw/device/+/assessment', 'ecg/gw/device/_gateway/alert/+'])
    await seen

    const [{ window: first }] = windows as [AssessmentMessage]
    t.same(
      windows.map(({ window }) => window),
      windows.map((_, i) => first + i),
      'every window is told, in order',
    )
    t.ok(
      windows.every(({ tasks }) => Object.keys(tasks).length > 0),
      'and assessed, also the one that failed',
    )
    t.match(windows[0], { model: { precision: 'fp32' } })
    t.match(windows.at(-1), { model: { precision: 'int8' } })
    t.match(alerts[0], { phase: 'start', condition: { key: 'PROVIDER_FALLBACK' } })
    const changed = windows.find(({ model }) => model.precision === 'int8')
    t.comment(`answered ${changed?.latencyMs.toFixed(0)} ms after its last sample`)
  })

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Millis, Seconds } from '../ecg/units.js'
import type { DeviceListener } from '../firmware-bridge/device-stream.js'
import { openDevice } from '../firmware-bridge/devices/open-device.js'
import { monotonicNow } from '../firmware-bridge/transport/monotonic-now.js'
import type { EcgWindow } from '../gateway/window/ecg-window.js'
import { WindowAssembler } from '../gateway/window/window-assembler.js'
import { loadBundle } from '../models/bundle/load-bundle.js'
import { SHIPPED_BUNDLE } from '../models/shipped-assets.js'

/**
 * What everything before inference costs: devices on pseudo-terminals in another process, through serialport, framer, session
 * and windows in this one.
 *
 *     node dist/bench/ingest.js [--devices 32] [--seconds 20] [--json]
 */

/** For the clocks to be fitted, the first windows and the JIT, ms. */
const WARM_UP = 12_000
/** As in the gateway, ms. */
const TICK = 50

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '32' },
    seconds: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
  },
})

const outside = fork(new URL('./virtual-patients.js', import.meta.url), [values.devices])
const [{ devices: paths }] = (await once(outside, 'message')) as [{ devices: string[] }]
const { manifest } = await loadBundle(SHIPPED_BUNDLE, [])

const total = { samples: 0, windows: 0, incomplete: 0 }
const assemblers = new Set<WindowAssembler>()
const count = (windows: readonly EcgWindow[]) => {
  total.windows += windows.length
  for (const { missing } of windows) if (missing > 0) total.incomplete++
}
const streams = paths.map(path => {
  const stream = openDevice(`serial:${path}`)
  let assembler: WindowAssembler | undefined
  const listener: DeviceListener = {
    identified({ boot, rate, channels, lsb }) {
      assembler = new WindowAssembler({
        boot,
        rate,
        channels: channels.map(name => ({ name, lsb, baseline: 0 })),
        input: manifest.input,
        hop: Seconds(5),
        patience: Millis(1500),
      })
      assemblers.add(assembler)
    },
    samples(block) {
      total.samples += block.count
      count(assembler!.push(block))
    },
    state() {},
    status() {},
    event() {},
  }
  stream.start(listener)
  return stream
})
const timer = setInterval(() => {
  const now = monotonicNow()
  for (const assembler of assemblers) count(assembler.due(now))
}, TICK)

await sleep(WARM_UP)
const before = { ...total, cpu: process.cpuUsage(), at: performance.now() }
await sleep(Number(values.seconds) * 1000)
const { user, system } = process.cpuUsage(before.cpu)
const elapsed = performance.now() - before.at
const sum = (of: (counters: (typeof streams)[number]['counters']) => number) =>
  streams.reduce((all, { counters }) => all + of(counters), 0)
const cpuPercent = (user + system) / 10 / elapsed
const result = {
  devices: streams.length,
  seconds: elapsed / 1000,
  samplesPerSecond: (total.samples - before.samples) / (elapsed / 1000),
  windows: total.windows - before.windows,
  incompleteWindows: total.incomplete,
  /** Since the start. */
  lostSamples: sum(({ missingSamples }) => missingSamples),
  badFrames: sum(({ badFrames }) => badFrames),
  /** Of one core. */
  cpuPercent,
  cpuPercentPerDevice: cpuPercent / streams.length,
  rssMiB: process.memoryUsage.rss() / 2 ** 20,
}
clearInterval(timer)
await Promise.all(streams.map(stream => stream.stop()))
outside.disconnect()
if (values.json) console.log(JSON.stringify(result))
else console.table(result)

import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { INDEPENDENT_LEADS } from '../ecg/leads.js'
import { Hertz, Microseconds, Millis, Millivolts, SampleIndex, Seconds } from '../ecg/units.js'
import type { SampleBlock } from '../firmware-bridge/device-stream.js'
import { WindowAssembler } from '../gateway/window/window-assembler.js'
import { loadBundle } from '../models/bundle/load-bundle.js'
import { SHIPPED_BUNDLE } from '../models/shipped-assets.js'

/**
 * What windows cost: many devices' samples in packets of 10 through assemblers, nothing else.
 *
 *     node dist/bench/window.js [--bundle DIR] [--devices 32] [--rate 500] [--hop 5] [--seconds 120] [--json]
 */

const { values } = parseArgs({
  options: {
    bundle: { type: 'string', default: SHIPPED_BUNDLE },
    devices: { type: 'string', default: '32' },
    rate: { type: 'string', default: '500' },
    hop: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '120' },
    json: { type: 'boolean', default: false },
  },
})

/** Samples in a packet: 20 ms at 500 Hz. */
const PACKET = 10

const [devices, rate, hop, seconds] = [values.devices, values.rate, values.hop, values.seconds].map(Number) as [
  number,
  number,
  number,
  number,
]
const { manifest, quality } = await loadBundle(values.bundle, [])
const channels = INDEPENDENT_LEADS.map(name => ({ name, lsb: Millivolts(0.001), baseline: 0 }))
const assemblers = Array.from(
  { length: devices },
  (_, boot) =>
    new WindowAssembler({
      boot,
      rate: Hertz(rate),
      channels,
      input: manifest.input,
      quality,
      hop: Seconds(hop),
      patience: Millis(1500),
    }),
)

const values16 = new Int32Array(PACKET * channels.length)
let windows = 0
/** ms, of the pushes that gave a window. */
const times: number[] = []
const started = process.cpuUsage()
for (let first = 0; first < seconds * rate; first += PACKET) {
  for (let i = 0; i < values16.length; i++) values16[i] = ((first * 31 + i * 7919) % 2003) - 1000
  const block: SampleBlock = {
    first: SampleIndex(first),
    count: PACKET,
    channels: channels.length,
    values: values16,
    electrodesOff: 0,
    saturated: false,
    retransmission: false,
    arrived: Microseconds(((first + PACKET) / rate) * 1e6),
  }
  for (const assembler of assemblers) {
    const began = performance.now()
    const given = assembler.push(block).length
    if (given > 0) times.push(performance.now() - began)
    windows += given
  }
}
times.sort((a, b) => a - b)
const { user, system } = process.cpuUsage(started)
const spent = (user + system) / 1e6

const result = {
  devices,
  rate,
  channels: channels.length,
  hopSeconds: hop,
  windows,
  /** Of one channel. */
  nsPerSample: (spent * 1e9) / (devices * seconds * rate * channels.length),
  /** Of one core, in real time. */
  cpuPercentPerDevice: (100 * spent) / (devices * seconds),
  cpuPercent: (100 * spent) / seconds,
  /** How long the event loop waits for a window. */
  medianWindowMs: times[Math.floor(times.length * 0.5)],
  p99WindowMs: times[Math.floor(times.length * 0.99)],
  cpu: cpus()[0]?.model ?? 'unknown',
}
if (values.json) console.log(JSON.stringify(result))
else console.table(result)

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Hertz } from '../../ecg/units.js'
import { recordingSource } from '../../firmware-bridge/emulator/recording-source.js'
import type { SampleSource } from '../../firmware-bridge/emulator/sample-source.js'
import { startDeviceOnPty, type VirtualDevice } from '../../firmware-bridge/emulator/virtual-device.js'
import { readRecording } from '../../firmware-bridge/recording/read-recording.js'
import { monotonicNow } from '../../firmware-bridge/transport/monotonic-now.js'
import type { ConfigOverrides } from '../../gateway/config/load-config.js'
import { loadConfig } from '../../gateway/config/load-config.js'
import { type Gateway, startGateway } from '../../gateway/gateway.js'
import { SHIPPED_DEMO_RECORDING } from '../../models/shipped-assets.js'

export interface SimulatedPatient {
  readonly id: string
  /** Where in the demo recording it begins, s: sinus rhythm at first, atrial fibrillation from the 20th on. */
  readonly from: number
  /** Where it begins again, s; after the whole recording by default. */
  readonly to?: number
  /** Of the recording's channels; all by default. */
  readonly leads?: readonly string[]
  readonly battery?: number
  readonly electrodesOff?: (sample: number) => number
}

/** A gateway with patients on pseudo-terminals, and its page. */
export interface PageOfPatients {
  readonly gateway: Gateway
  readonly url: URL
  /** Pulls the plug of a patient's device, for good. */
  unplug(id: string): Promise<void>
  stop(): Promise<void>
}

/** Everything real but the patients. Windows begin every second, so that a finding needs a quarter of a minute to alert. */
export async function startPageOfPatients(
  patients: readonly SimulatedPatient[],
  overrides: ConfigOverrides = {},
): Promise<PageOfPatients> {
  const { recording } = await readRecording(SHIPPED_DEMO_RECORDING)
  const whole = recordingSource(recording, { loop: true })
  const devices = new Map<string, VirtualDevice>()
  for (const {
    id,
    from,
    to = from + recording.samples / whole.rate,
    leads = whole.leads,
    electrodesOff = () => 0,
  } of patients) {
    const source = part(whole, leads, from * whole.rate, (to - from) * whole.rate)
    devices.set(id, await startDeviceOnPty({ source, id, electrodesOff }))
  }
  const data = await mkdtemp(join(tmpdir(), 'ecgclip-page-'))
  const config = loadConfig(undefined, {
    id: 'ward-7',
    devices: [...devices.values()].map(({ carrier }) => ({ uri: carrier.uri })),
    broker: { url: 'embedded', embeddedPort: 0 },
    hopSeconds: 1,
    data,
    ...overrides,
    monitor: { port: 0, ...overrides.monitor },
  })
  const gateway = await startGateway({ config, version: '0.0.0-test', log: pino({ level: 'silent' }) })
  const batteries = setInterval(() => {
    for (const { id, battery } of patients)
      if (battery !== undefined) devices.get(id)?.session.status({ battery }, monotonicNow())
  }, 1000)
  return {
    gateway,
    url: gateway.monitor.url!,
    async unplug(id) {
      const device = devices.get(id)
      devices.delete(id)
      await device?.stop()
    },
    async stop() {
      clearInterval(batteries)
      await gateway.stop()
      await Promise.all([...devices.values()].map(device => device.stop()))
      await rm(data, { recursive: true, force: true })
    },
  }
}

/** Some leads of a stretch of a source, over and over. */
function part(source: SampleSource, leads: readonly string[], first: number, length: number): SampleSource {
  const channels = leads.map(lead => source.leads.indexOf(lead))
  const whole = source.leads.length
  let values = new Int32Array(0)
  return {
    rate: source.rate as Hertz,
    lsbPicovolts: source.lsbPicovolts,
    leads,
    read(at, count, out) {
      if (values.length < count * whole) values = new Int32Array(count * whole)
      for (let done = 0; done < count; ) {
        const from = (at + done) % length
        const there = source.read(first + from, Math.min(count - done, length - from), values)
        for (let i = 0; i < there; i++, done++)
          channels.forEach((channel, c) => {
            out[done * leads.length + c] = values[i * whole + channel]!
          })
      }
      return count
    },
  }
}

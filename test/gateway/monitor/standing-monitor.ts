import type { Test } from 'tap'
import { Hertz, Microseconds, Millis, Millivolts, SampleIndex, UnixMillis } from '../../../ecg/units.js'
import type { DeviceIdentity } from '../../../firmware-bridge/device-stream.js'
import type { AlertTransition } from '../../../gateway/alerts/alert.js'
import type { AssessedWindow } from '../../../gateway/alerts/assessed-window.js'
import { loadConfig } from '../../../gateway/config/load-config.js'
import { createMonitor } from '../../../gateway/monitor/monitor.js'
import type { DeviceReport } from '../../../gateway/mqtt/device-state-message.js'

/** The monitor as it stands in a gateway, told by hand what the gateway would tell it. */

export const RATE = 500
const SAMPLES = 5000
const MODEL = { bundle: 'b', version: '1.0.0', sha256: '00', provider: 'cpu', precision: 'int8', variant: 'v' } as const

export async function standingMonitor(t: Test, utc: () => number = Date.now) {
  const monitor = createMonitor({
    config: loadConfig(undefined, { monitor: { port: 0 } }).monitor,
    gateway: 'ward-7',
    version: '1',
    clock: { utc: () => UnixMillis(utc()), monotonic: () => Millis(performance.now()) },
    log: { info() {}, warn() {}, error() {} },
    acknowledge() {},
    health: () => ({
      model: MODEL,
      fallback: null,
      windowsPerSecond: 1,
      inferenceDepth: 0,
      broker: { connected: true, host: 'broker' },
      outbox: { messages: 0, bytes: 0 },
      clockSynchronised: true,
      waitingFor: [],
    }),
  })
  await monitor.start([])
  t.teardown(() => monitor.stop())
  return { monitor, url: monitor.url! }
}

export const identity = (id: string, boot = 1): DeviceIdentity => ({
  id,
  model: 'm',
  firmware: '1.0.0',
  boot,
  rate: Hertz(RATE),
  lsb: Millivolts(0.001),
  channels: ['II'],
  retain: 0,
  capabilities: [],
})

/** All of the same height, µV. */
export const samples = (first: number, count: number, value: number) => ({
  first: SampleIndex(first),
  count,
  channels: 1,
  values: new Int32Array(count).fill(value),
  electrodesOff: 0,
  saturated: false,
  retransmission: false,
  arrived: Microseconds(0),
})

export const report = (device: string, state: DeviceReport['state']): DeviceReport => ({
  state,
  reason: 'it was said so',
  identity: identity(device),
  status: {},
  electrodesOff: [],
  counters: {
    bytes: 0,
    packets: 0,
    unknownTypes: 0,
    badFrames: 0,
    lostPackets: 0,
    missingSamples: 0,
    duplicateSamples: 0,
    resendRequests: 0,
    reboots: 0,
    reopens: 0,
  },
  uncertaintyMs: null,
  radio: undefined,
})

export const assessed = (boot: number, firstSample: number, start: number) =>
  ({
    window: {
      index: 0,
      boot,
      firstSample: SampleIndex(firstSample),
      samples: SAMPLES,
      rate: Hertz(RATE),
      missing: 0,
      leadsOff: [],
      leadsAbsent: [],
      leadScores: {},
      quality: 'good',
      qualityScore: 1,
      reasons: [],
    },
    start: UnixMillis(start),
    end: UnixMillis(start + 10_000),
    uncertaintyMs: 8,
    taskIds: [],
    probabilities: null,
    model: MODEL,
    latencyMs: 10,
  }) as unknown as AssessedWindow

let alerts = 0

export function alert(device: string, change: Partial<AlertTransition> = {}): AlertTransition {
  const now = UnixMillis(Date.now())
  return {
    device,
    id: String(alerts++).padStart(26, '0'),
    phase: 'start',
    state: 'active',
    priority: 'PN',
    type: 'SA',
    condition: { key: 'AFIB', display: 'Atrial fibrillation', group: 'diagnosis', codes: [] },
    evidence: { probability: 0.9, threshold: 0.5, windows: 3, model: MODEL },
    signal: null,
    raised: now,
    changed: now,
    delayMs: 0,
    acknowledged: null,
    uncertaintyMs: 8,
    latencyMs: 10,
    ...change,
  }
}

/** What an alert says of the window that began at `start`. */
export const signal = (start: number): AlertTransition['signal'] => ({
  start: UnixMillis(start),
  end: UnixMillis(start + 10_000),
  rate: Hertz(RATE),
  missing: 0,
  leadsOff: [],
  quality: 1,
})

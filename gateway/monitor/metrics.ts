import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { AlertTransition } from '../alerts/alert.js'
import type { AssessedWindow } from '../alerts/assessed-window.js'
import type { ModelInUse } from '../inference/inference-engine.js'
import type { DeviceReport } from '../mqtt/device-state-message.js'
import type { MessagingCounters } from '../mqtt/messaging.js'
import type { WindowQuality } from '../window/ecg-window.js'
import { createDeviceMetrics } from './device-metrics.js'
import type { MonitorCounters } from './monitor.js'
import type { Route } from './route.js'

/** What is asked of the gateway at every scrape. */
export interface MetricsSources {
  readonly version: string
  model(): ModelInUse
  inferenceDepth(): number
  clockSynchronised(): boolean | null
  /** URIs of devices whose samples no longer become assessments. */
  stuck(): readonly string[]
  messaging(): MessagingCounters
  monitor(): MonitorCounters
}

/** Prometheus metrics of one gateway, `GET /metrics`. Names and help texts are a contract with dashboards. */
export interface Metrics {
  readonly routes: readonly Route[]
  window(device: string, assessed: AssessedWindow): void
  alert(transition: AlertTransition): void
  device(device: string, report: DeviceReport): void
  /** It was taken off for good: no series says any more that it is lost. */
  gone(device: string): void
  /** The text of a scrape. */
  text(): Promise<string>
}

/** Seconds from a window's last sample to its assessment. */
const LATENCY_BUCKETS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]

const QUALITIES = ['good', 'degraded', 'uninterpretable'] as const satisfies WindowQuality[]

/** How often the event loop’s lag is looked at, ms: by default a hundred times a second, more than a patient’s packets come. */
const LAG_EVERY = 100

export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_EVERY })

  const windows = new Counter({
    name: 'ecgclip_windows_total',
    help: 'Windows told, by device and quality',
    labelNames: ['device', 'quality'],
    registers,
  })
  const latency = new Histogram({
    name: 'ecgclip_window_latency_seconds',
    help: 'From the arrival of a window’s last sample to its assessment',
    buckets: LATENCY_BUCKETS,
    registers,
  })
  const alerts = new Counter({
    name: 'ecgclip_alert_messages_total',
    help: 'Alert messages put into the outbox, by type (SP, ST, SA) and phase',
    labelNames: ['type', 'phase'],
    registers,
  })
  const devices = createDeviceMetrics(registers, device => {
    for (const quality of QUALITIES) windows.remove({ device, quality })
  })

  gauge('ecgclip_inference_queue_windows', 'Windows waiting for the model or running', sources.inferenceDepth)
  gauge('ecgclip_clock_synchronised', '1: the host’s clock follows a time server, -1: cannot be told', () =>
    numberOf(sources.clockSynchronised()),
  )
  gauge('ecgclip_devices_stuck', 'Devices whose samples no longer become assessments', () => sources.stuck().length)
  const messaging = (name: string, help: string, value: (figures: MessagingCounters) => number) =>
    gauge(name, help, () => value(sources.messaging()))
  messaging('ecgclip_broker_connected', '1 while the broker is reached', ({ connected }) => Number(connected))
  messaging('ecgclip_broker_connects', 'Connections to the broker since the start', ({ connects }) => connects)
  messaging('ecgclip_outbox_messages', 'Alert messages that the broker has not acknowledged', f => f.outboxMessages)
  messaging('ecgclip_outbox_bytes', 'Their size on disk', ({ outboxBytes }) => outboxBytes)
  messaging('ecgclip_outbox_capacity_bytes', 'Where the outbox begins to drop', f => f.outboxCapacityBytes)
  messaging('ecgclip_alerts_dropped', 'Alert messages given up since the start', ({ alertsDropped }) => alertsDropped)
  messaging('ecgclip_assessments_published', 'Since the start', ({ assessmentsPublished }) => assessmentsPublished)
  messaging('ecgclip_assessments_dropped', 'Not taken by the broker, since the start', f => f.assessmentsDropped)

  gauge('ecgclip_page_viewers', 'Monitor pages that look now', () => sources.monitor().viewers)
  gauge('ecgclip_page_viewers_refused', 'Pages turned away since the start', () => sources.monitor().refused)
  gauge(
    'ecgclip_page_frames_dropped',
    'Waveforms that slow pages did not get, since the start',
    () => sources.monitor().framesDropped,
  )
  gauge('ecgclip_wrong_tokens', 'Wrong tokens since the start', () => sources.monitor().wrongTokens)

  new Gauge({
    name: 'ecgclip_info',
    help: 'Always 1: the program, and the model in use',
    labelNames: ['version', 'bundle', 'bundle_version', 'provider', 'precision'],
    registers,
    collect() {
      const { bundle, version, provider, precision } = sources.model()
      this.reset()
      this.set({ version: sources.version, bundle, bundle_version: version, provider, precision }, 1)
    },
  })

  function gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value())
      },
    })
  }

  return {
    routes: [
      {
        method: 'GET',
        path: '/metrics',
        access: 'token',
        answer: async () => ({
          status: 200,
          headers: { 'content-type': registry.contentType },
          body: await registry.metrics(),
        }),
      },
    ],
    window(device, { window, latencyMs }) {
      windows.inc({ device, quality: window.quality })
      latency.observe(latencyMs / 1000)
    },
    alert: ({ type, phase }) => alerts.inc({ type, phase }),
    device: devices.report,
    gone: devices.forget,
    text: () => registry.metrics(),
  }
}

const numberOf = (value: boolean | null): number => (value === null ? -1 : Number(value))

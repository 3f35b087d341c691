import type { AlertAccount } from '../alerts/alert-account.js'
import type { Clock } from '../alerts/clock.js'
import type { ModelInUse } from '../inference/inference-engine.js'
import { type HealthMessage, rfc3339 } from './messages.js'

/** What only the rest of the gateway can say about its health. */
export interface HealthReport {
  readonly model: ModelInUse | null
  readonly windowsPerSecond: number
  /** Windows waiting or running. */
  readonly inferenceDepth: number
  readonly alerts: AlertAccount
  /** Whether the host's clock follows a time server; null where that cannot be told. */
  readonly clockSynchronised: boolean | null
}

export type HealthReporter = (
  report: HealthReport,
  outbox: HealthMessage['outbox'],
  dropped: HealthMessage['dropped'],
) => HealthMessage

const MICROSECONDS_PER_MS = 1000
const PERCENT = 100

/** Makes health messages; remembers the processor time of the last one. */
export function createHealthReporter({
  clock,
  ...gateway
}: Pick<HealthMessage, 'gateway' | 'session' | 'version'> & { clock: Clock }): HealthReporter {
  const started = clock.monotonic()
  let before = { at: started, cpu: process.cpuUsage() }
  return ({ model, windowsPerSecond, inferenceDepth, alerts, clockSynchronised }, outbox, dropped) => {
    const now = { at: clock.monotonic(), cpu: process.cpuUsage() }
    const { user, system } = process.cpuUsage(before.cpu)
    const elapsed = Math.max(1, now.at - before.at)
    before = now
    return {
      schema: 'urn:ecgclip:health:1',
      ...gateway,
      time: rfc3339(clock.utc()),
      uptimeSeconds: (now.at - started) / 1000,
      rssBytes: process.memoryUsage.rss(),
      cpuPercent: ((user + system) / MICROSECONDS_PER_MS / elapsed) * PERCENT,
      model: model && {
        bundle: model.bundle,
        version: model.version,
        provider: model.provider,
        precision: model.precision,
      },
      windowsPerSecond,
      queue: { inference: inferenceDepth },
      outbox,
      alerts: { delay: alerts.delay, suppressed: alerts.suppressed as Record<string, number> },
      clock: { synchronised: clockSynchronised },
      dropped,
    }
  }
}

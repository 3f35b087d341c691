import type { Test } from 'tap'
import { ulid } from 'ulid'
import { Millis, UnixMillis } from '../../../ecg/units.js'
import type { AlertPhase, AlertTransition } from '../../../gateway/alerts/alert.js'
import type { Clock } from '../../../gateway/alerts/clock.js'
import type { Log } from '../../../gateway/mqtt/log.js'
import { type Messaging, type MessagingOptions, startMessaging } from '../../../gateway/mqtt/messaging.js'
import type { Timing } from '../../../gateway/mqtt/timing.js'
import { tempFolder } from './temp-folder.js'

/** Messaging as the gateway uses it, on real time but with short waits. */

export const hostClock: Clock = { utc: () => UnixMillis(Date.now()), monotonic: () => Millis(performance.now()) }

export const QUICK: Timing = {
  reconnectFirst: Millis(20),
  reconnectCap: Millis(200),
  connectTimeout: Millis(5000),
  keepalive: Millis(15_000),
  acknowledgeWithin: Millis(5000),
  refusedAgain: Millis(200),
  healthEvery: Millis(60_000),
  diskRetry: Millis(20),
  stopWithin: Millis(5000),
  assessmentExpires: Millis(600_000),
  evidenceExpires: Millis(600_000),
  healthExpires: Millis(600_000),
}

export interface RecordedLog extends Log {
  readonly lines: string[]
}

export function recordedLog(): RecordedLog {
  const lines: string[] = []
  const line = (level: string) => (fields: object, message: string) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields)}`)
  return { lines, info: line('info'), warn: line('warn'), error: line('error') }
}

export function messagingOptions(
  options: Partial<MessagingOptions> & Pick<MessagingOptions, 'dataFolder'> & { url: URL | string },
): MessagingOptions {
  return {
    broker: { url: String(options.url) },
    base: 'ecg',
    gateway: 'gw-1',
    version: '0.0.0-test',
    clock: hostClock,
    newId: ulid,
    log: recordedLog(),
    health: () => ({
      model: null,
      windowsPerSecond: 0.2,
      inferenceDepth: 0,
      alerts: { delay: {}, suppressed: {} },
      clockSynchronised: null,
    }),
    timing: QUICK,
    ...options,
  }
}

export interface StartedMessaging extends Messaging {
  readonly dataFolder: string
}

/** Stopped at the end of the test, if it was not before. */
export async function messagingFor(
  t: Test,
  url: URL | string,
  change: Partial<MessagingOptions> = {},
): Promise<StartedMessaging> {
  const dataFolder = change.dataFolder ?? tempFolder(t)
  const messaging = await startMessaging(messagingOptions({ url, dataFolder, ...change }))
  let stopped: Promise<void> | null = null
  const stop = () => {
    stopped ??= messaging.stop()
    return stopped
  }
  t.teardown(stop)
  return Object.assign(Object.create(messaging), { dataFolder, stop })
}

/** One alert that the test leads through its life. */
export function alertOf(device: string, key: string) {
  const raised = UnixMillis(Date.now())
  const id = ulid()
  return (phase: AlertPhase): AlertTransition => ({
    device,
    id,
    phase,
    state: phase === 'end' || phase === 'reset' ? 'inactive' : 'active',
    priority: 'PN',
    type: 'SA',
    condition: { key, display: key, group: 'diagnosis', codes: [] },
    evidence: {
      probability: 0.9,
      threshold: 0.8,
      windows: 2,
      model: { bundle: 'b', version: '1.0.0', sha256: '0'.repeat(64), provider: 'cpu', precision: 'int8' },
    },
    signal: null,
    raised,
    changed: UnixMillis(Date.now()),
    delayMs: 5000,
    acknowledged: null,
    uncertaintyMs: 3,
    latencyMs: 20,
  })
}

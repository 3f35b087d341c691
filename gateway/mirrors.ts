import { join } from 'node:path'
import type { Alerting } from './alerting.js'
import type { AssessedWindow } from './alerts/assessed-window.js'
import type { Config } from './config/config.js'
import type { DeviceReport } from './mqtt/device-state-message.js'
import { type Messaging, type MessagingOptions, startMessaging } from './mqtt/messaging.js'

/** Further brokers, or further topics of the same one, that get the same messages, but no evidence: ECG goes to one place only. */
export interface Mirrors {
  publishAssessment(device: string, assessed: AssessedWindow): void
  publishDeviceState(device: string, report: DeviceReport): void
  stop(): Promise<void>
}

/**
 * Each mirror has an outbox and sequence numbers of its own, so that one broker's outage never holds up another and each of
 * their subscribers can account for every number. Mirrors take no commands but `health`: what changes something is said in one place.
 */
export async function startMirrors(
  mirrors: Config['mirrors'],
  common: Omit<MessagingOptions, 'broker' | 'base' | 'assessmentQos' | 'outboxBytes' | 'clientId'>,
  alerting: Alerting,
): Promise<Mirrors> {
  const started: Array<{ messaging: Messaging; rule: Config['mirrors'][string] }> = []
  const stop = async () => {
    await Promise.all(started.map(({ messaging }) => messaging.stop()))
  }
  try {
    for (const [name, rule] of Object.entries(mirrors)) {
      const messaging = await startMessaging({
        ...common,
        broker: rule,
        base: rule.base,
        assessmentQos: rule.assessmentQos,
        outboxBytes: rule.outboxMebibytes * 2 ** 20,
        dataFolder: join(common.dataFolder, 'mirrors', name),
        clientId: `ecgclip.${name}.${common.gateway}`, // behind "ecgclip-" it could be another gateway's
      })
      started.push({ messaging, rule })
      catchUp(messaging, alerting, common.clock.utc())
      alerting.watch(messaging.publishAlert)
    }
  } catch (error) {
    await stop()
    throw error
  }
  return {
    publishAssessment(device, assessed) {
      for (const { messaging, rule } of started)
        if (rule.assessments) void messaging.publishAssessment(device, assessed)
    },
    publishDeviceState(device, report) {
      for (const { messaging } of started) messaging.publishDeviceState(device, report)
    },
    stop,
  }
}

/** What is open is said; what the mirror's last run left open and is no longer so ends. */
function catchUp({ publishAlert, unfinished }: Messaging, alerting: Alerting, changed: MessagingTime): void {
  const open = alerting.open()
  for (const last of unfinished)
    if (!open.some(({ id }) => id === last.id))
      publishAlert({ ...last, phase: last.state === 'latched' ? 'reset' : 'end', state: 'inactive', changed })
  for (const alert of open) publishAlert({ ...alert, phase: 'continue', changed })
}

type MessagingTime = ReturnType<MessagingOptions['clock']['utc']>

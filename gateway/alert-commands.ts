import type { Alerting } from './alerting.js'
import type { AlertTransition } from './alerts/alert.js'
import { AlertError } from './alerts/alert-error.js'
import { type CommandHandler, command } from './mqtt/command.js'
import {
  AcknowledgeCommandSchema,
  EvidenceCommandSchema,
  type OpenAlertName,
  ResetCommandSchema,
} from './mqtt/command-messages.js'
import type { Messaging } from './mqtt/messaging.js'

/** `cmd/ack`, `cmd/reset` and `cmd/evidence`: what somebody who sees an alert can ask. Each is harmless when repeated. */
export function alertCommands(alerting: Alerting, publishEvidence: Messaging['publishEvidence']): CommandHandler[] {
  return [
    command('ack', AcknowledgeCommandSchema, name =>
      summary(alerting.acknowledge(idOf(alerting, name), name.by ?? null)),
    ),
    command('evidence', EvidenceCommandSchema, async ({ id, format }) => {
      await publishEvidence(alerting.evidence(id), format)
      return { id, format }
    }),
    command('reset', ResetCommandSchema, name => summary(alerting.reset(idOf(alerting, name)))),
  ]
}

function idOf(alerting: Alerting, name: OpenAlertName): string {
  if ('id' in name) return name.id
  const alert = alerting.open().find(({ device, condition }) => device === name.device && condition.key === name.key)
  if (alert === undefined)
    throw new AlertError('ALERT_UNKNOWN', `No alert ${name.key} is open for device ${name.device}.`)
  return alert.id
}

const summary = ({ id, phase, state, priority }: AlertTransition) => ({ id, phase, state, priority })

import type { Alerting } from './alerting.js'
import type { AlertTransition } from './alerts/alert.js'
import { AlertError } from './alerts/alert-error.js'
import { type CommandHandler, command } from './mqtt/command.js'
import { AcknowledgeCommandSchema, type OpenAlertName, ResetCommandSchema } from './mqtt/command-messages.js'

/** `cmd/ack` and `cmd/reset`: what somebody who sees an alert can do with it. Each is harmless when repeated. */
export function alertCommands(alerting: Alerting): CommandHandler[] {
  return [
    command('ack', AcknowledgeCommandSchema, name =>
      summary(alerting.acknowledge(idOf(alerting, name), name.by ?? null)),
    ),
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

import type { AlertPriority, AlertState } from '../../alerts/alert.js'
import type { MonitoredAlert } from '../live/live-messages.js'

/**
 * How loud an alert looks. IEC 60601-1-8 table 2: high is red, medium yellow, low cyan or yellow; an information signal must
 * not look like any of these. A model's finding is one, unless the site has raised its priority.
 */
export type AlarmLook = 'high' | 'medium' | 'low' | 'advisory'

const LOOKS = { PH: 'high', PM: 'medium', PL: 'low', PN: 'advisory' } as const satisfies Record<
  AlertPriority,
  AlarmLook
>

const KINDS = { SP: 'Physiological', ST: 'Technical', SA: 'Advisory' } as const

export const lookOf = ({ priority }: Pick<MonitoredAlert, 'priority'>): AlarmLook => LOOKS[priority]

/** Classes of the style sheet: an alarm is loud while it is open, and flashes until somebody has seen it. */
export function classesOf(alert: Pick<MonitoredAlert, 'priority' | 'state' | 'acknowledged'>): string {
  const look = lookOf(alert)
  const loud = look !== 'advisory' && alert.state !== 'inactive'
  return [look, alert.state, ...(loud ? ['loud'] : []), alert.acknowledged ? 'acknowledged' : 'unseen-yet'].join(' ')
}

/** "Advisory", or for what sounds louder "Technical · low priority". */
export function kindOf({ type, priority }: Pick<MonitoredAlert, 'type' | 'priority'>): string {
  const look = LOOKS[priority]
  return look === 'advisory' ? (type === 'ST' ? 'Technical' : KINDS[type]) : `${KINDS[type]} · ${look} priority`
}

export const stateWords = { active: 'active', latched: 'not live', inactive: 'ended' } as const satisfies Record<
  AlertState,
  string
>

/** Those that are still to be seen to come first, the loudest of them first, then the newest. */
export function inOrder(alerts: Iterable<MonitoredAlert>): MonitoredAlert[] {
  const urgency = ({ state, acknowledged, priority }: MonitoredAlert) =>
    (state === 'inactive' ? 8 : 0) + (acknowledged ? 4 : 0) + ['PH', 'PM', 'PL', 'PN'].indexOf(priority)
  return [...alerts].sort((a, b) => urgency(a) - urgency(b) || b.raised - a.raised)
}

/** What a screen reader is told when an alert begins. */
export function announcement({ condition, device, evidence, ...alert }: MonitoredAlert): string {
  const why = 'probability' in evidence ? `probability ${evidence.probability.toFixed(2)}` : evidence.detail
  return `${kindOf(alert)}: ${condition.display}, ${device}, ${why}`
}

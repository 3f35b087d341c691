import { type Millis, Seconds } from '../../ecg/units.js'
import { ALERT_PRIORITIES, type AlertPriority, type AlertTransition, type AlertType } from './alert.js'
import type { Clock } from './clock.js'

/**
 * An open alert is repeated as `continue` this often, "to mitigate the risk of an alert message loss" (IHE ACM); changes in
 * between are told as `update` only when state or detail changes, never because a probability moved.
 */
export const CONTINUE_EVERY = Seconds(60)

/** An alert that nobody acknowledged for `after` is raised to priority `to`. */
export interface Escalation {
  readonly after: Millis
  readonly to: AlertPriority
}

/** An escalation as a site writes it. */
export interface SiteEscalation {
  /** Without an acknowledgement. */
  readonly afterSeconds: number
  readonly to: AlertPriority
}

/** What an alert's rule says of its priority. */
export interface PriorityRule {
  readonly priority: AlertPriority
  readonly escalation: Escalation | null
}

export const escalationOf = (site: SiteEscalation | undefined): Escalation | null =>
  site === undefined ? null : { after: Seconds(site.afterSeconds), to: site.to }

/** An alert that has started and not ended. */
export interface OpenAlert {
  /** What was said of it last. */
  last: AlertTransition
  /** When, on the monotonic clock. */
  said: Millis
  /** When this run of the gateway began to wait for somebody to acknowledge it. */
  readonly waiting: Millis
}

export function openAlert(last: AlertTransition, clock: Clock): OpenAlert {
  const now = clock.monotonic()
  return { last, said: now, waiting: now }
}

/** The next step in the alert's life, now. */
export function say(
  alert: OpenAlert,
  clock: Clock,
  change: Pick<AlertTransition, 'phase'> & Partial<AlertTransition>,
): AlertTransition {
  alert.last = { ...alert.last, ...change, changed: clock.utc() }
  alert.said = clock.monotonic()
  return alert.last
}

/** What time alone makes of an open alert: it is escalated, or said again. */
export function escalateOrContinue(
  alert: OpenAlert,
  { escalation }: PriorityRule,
  clock: Clock,
): AlertTransition | null {
  const { priority, state, acknowledged } = alert.last
  const now = clock.monotonic()
  if (
    escalation !== null &&
    acknowledged === null &&
    state === 'active' &&
    isHigher(escalation.to, priority) &&
    now - alert.waiting >= escalation.after
  )
    return say(alert, clock, { phase: 'escalate', ...ranked(escalation.to, alert.last.type) })
  return now - alert.said >= CONTINUE_EVERY ? say(alert, clock, { phase: 'continue' }) : null
}

/** Somebody has seen it: it stays up, is not escalated any more, and falls back to the priority of its rule. */
export function acknowledge(
  alert: OpenAlert,
  by: string | null,
  { priority }: PriorityRule,
  clock: Clock,
): AlertTransition {
  const acknowledged = { by, at: clock.utc() }
  if (!isHigher(alert.last.priority, priority)) return say(alert, clock, { phase: 'update', acknowledged })
  return say(alert, clock, { phase: 'deescalate', ...ranked(priority, alert.last.type), acknowledged })
}

/** An advisory has priority PN and no other (IHE ACM); a finding that is given a higher one is told as physiological. */
export function ranked(priority: AlertPriority, type: AlertType): Pick<AlertTransition, 'priority' | 'type'> {
  if (type === 'ST') return { priority, type }
  return { priority, type: priority === 'PN' ? 'SA' : 'SP' }
}

const isHigher = (a: AlertPriority, b: AlertPriority): boolean =>
  ALERT_PRIORITIES.indexOf(a) < ALERT_PRIORITIES.indexOf(b)

import { type Millis, Seconds } from '../../ecg/units.js'
import type { AlertTransition } from './alert.js'
import type { Clock } from './clock.js'

/**
 * An open alert is repeated as `continue` this often, "to mitigate the risk of an alert message loss" (IHE ACM); changes in
 * between are told as `update` only when state or detail changes, never because a probability moved.
 */
export const CONTINUE_EVERY = Seconds(60)

/** An alert that has started and not ended. */
export interface OpenAlert {
  /** What was said of it last. */
  last: AlertTransition
  /** When, on the monotonic clock. */
  said: Millis
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

export function continueIfDue(alert: OpenAlert, clock: Clock): AlertTransition | null {
  return clock.monotonic() - alert.said >= CONTINUE_EVERY ? say(alert, clock, { phase: 'continue' }) : null
}

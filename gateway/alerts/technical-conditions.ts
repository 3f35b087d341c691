import { type Millis, Seconds } from '../../ecg/units.js'
import type { AlertPriority } from './alert.js'
import { escalationOf, type PriorityRule, type SiteEscalation } from './open-alert.js'

/** The technical (ST) conditions: what can go wrong between the electrode and the broker, each with its own small persistence. */

export interface TechnicalRule extends PriorityRule {
  readonly display: string
  /** Switched off by the site. */
  readonly disabled?: boolean
  /** PL where nobody is watching the patient's ECG meanwhile, PN where the gateway still does its work. */
  readonly priority: AlertPriority
  /** It must hold this long before an alert starts … */
  readonly raiseAfter: Millis
  /** … and be gone this long before the alert ends. */
  readonly clearAfter: Millis
}

/** What a site has decided for a condition; whatever it leaves out is as below. */
export interface SiteTechnicalRule {
  readonly enabled?: boolean | undefined
  readonly raiseAfterSeconds?: number | undefined
  readonly priority?: AlertPriority | undefined
  readonly escalate?: SiteEscalation | undefined
}

export const TECHNICAL_CONDITIONS = {
  // An electrode that is touched or bumped comes back at once; one that is off stays off.
  ELECTRODES_OFF: rule('Electrodes off', 'PL', 2, 3),
  // Silence has already lasted 2 s when the bridge says so.
  STREAM_STALLED: rule('Stream stalled', 'PL', 0, 3),
  DEVICE_LOST: rule('Device lost', 'PL', 0, 3),
  // Told per window: gone when every window of half a minute was whole.
  DATA_GAP: rule('Data gap', 'PN', 0, 30),
  INFERENCE_FAILING: rule('Inference failing', 'PL', 0, 10),
  // Told per window, as the data gap is. Not in the list of the message specification.
  INFERENCE_OVERLOADED: rule('Inference overloaded', 'PL', 0, 30),
  PROVIDER_FALLBACK: rule('Provider fallback', 'PN', 0, 0),
  // Another bundle runs than the one that was installed. Not in the list of the message specification.
  MODEL_FALLBACK: rule('Model fallback', 'PN', 0, 0),
  CLOCK_UNSYNCHRONISED: rule('Clock not synchronised', 'PN', 10, 10),
  OUTBOX_OVERFLOW: rule('Outbox overflow', 'PL', 0, 0),
  // Not in the list of the message specification, but the same kind of thing: stored alerts may be gone.
  OUTBOX_DAMAGED: rule('Outbox damaged', 'PL', 0, 0),
} as const satisfies Record<string, TechnicalRule>

export type TechnicalKey = keyof typeof TECHNICAL_CONDITIONS

/** Conditions of the gateway itself are published as if of this device, so that every alert of a gateway is under `device/+/alert/+`. */
export const GATEWAY_DEVICE = '_gateway'

/** The rule of a condition, as the site wants it. */
export function technicalRule(key: TechnicalKey, site: SiteTechnicalRule = {}): TechnicalRule {
  const standard = TECHNICAL_CONDITIONS[key]
  const { enabled = true, raiseAfterSeconds, priority = standard.priority, escalate } = site
  const raiseAfter = raiseAfterSeconds === undefined ? standard.raiseAfter : Seconds(raiseAfterSeconds)
  return { ...standard, raiseAfter, priority, escalation: escalationOf(escalate), disabled: !enabled }
}

function rule(display: string, priority: AlertPriority, raise: number, clear: number): TechnicalRule {
  return { display, priority, raiseAfter: Seconds(raise), clearAfter: Seconds(clear), escalation: null }
}

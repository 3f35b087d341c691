import type { Lead } from '../../ecg/leads.js'
import type { Hertz, UnixMillis } from '../../ecg/units.js'
import type { Task } from '../../models/bundle/manifest.js'
import type { ModelInUse } from '../inference/inference-engine.js'

/** What an alert is, in the words of IHE Alert Communication Management (ACM), facets of PCD-04. */

/** active → latched is `update`, latched → inactive is `reset`, active → inactive is `end`. */
export const ALERT_PHASES = ['start', 'continue', 'update', 'escalate', 'deescalate', 'end', 'reset'] as const
export type AlertPhase = (typeof ALERT_PHASES)[number]

/** latched: still shown, but nothing that arrives now says that it is so. `inactive` is only ever the last word on an alert. */
export const ALERT_STATES = ['inactive', 'active', 'latched'] as const
export type AlertState = (typeof ALERT_STATES)[number]

/** PH immediate response · PM prompt response · PL awareness · PN not indicated, which is what ACM gives an advisory. */
export const ALERT_PRIORITIES = ['PH', 'PM', 'PL', 'PN'] as const
export type AlertPriority = (typeof ALERT_PRIORITIES)[number]

/** SP physiological, what a site may raise a finding to · ST technical · SA advisory, which is what a model's finding is. */
export const ALERT_TYPES = ['SP', 'ST', 'SA'] as const
export type AlertType = (typeof ALERT_TYPES)[number]

export interface AlertCondition {
  /** Task id, or the key of a technical condition. Names the alert's topic. */
  readonly key: string
  readonly display: string
  readonly group: Task['group'] | 'technical'
  readonly codes: Task['codes']
}

export interface FindingEvidence {
  /** In the last window that could be judged. */
  readonly probability: number
  readonly threshold: number
  /** Windows at or above the threshold since the first one that counted towards this alert. */
  readonly windows: number
  /** What each time step, oldest first, gave to the logit, in the last window that reached the threshold. Absent: the model gives none of it. */
  readonly saliency?: readonly number[]
  readonly model: Omit<ModelInUse, 'variant'>
}

/** Sequence numbers `from` … `to`, both included. */
export interface SequenceRange {
  readonly from: number
  readonly to: number
}

export interface TechnicalEvidence {
  /** One sentence: what is wrong, with the numbers. */
  readonly detail: string
  /** Outbox overflow only: the alert messages that were given up, so that a subscriber can account for every number. */
  readonly lost?: readonly SequenceRange[]
}

/** The stretch of ECG that an alert message speaks of. */
export interface SignalSummary {
  readonly start: UnixMillis
  readonly end: UnixMillis
  readonly rate: Hertz
  readonly missing: number
  readonly leadsOff: readonly Lead[]
  /** 0 … 1. */
  readonly quality: number
}

/** Somebody has seen the alert. IHE ACM calls it an inactivation state. */
export interface Acknowledgement {
  /** Who, as they call themselves: a role or a pseudonym. Null: not said. */
  readonly by: string | null
  readonly at: UnixMillis
}

/** One step in the life of an alert: what becomes one alert message. */
export interface AlertTransition {
  readonly device: string
  /** ULID; the same for the life of the alert. */
  readonly id: string
  readonly phase: AlertPhase
  readonly state: AlertState
  readonly priority: AlertPriority
  readonly type: AlertType
  readonly condition: AlertCondition
  readonly evidence: FindingEvidence | TechnicalEvidence
  /** Null where no window stands behind it. */
  readonly signal: SignalSummary | null
  /** When the alert began; the same for its life. */
  readonly raised: UnixMillis
  /** When this phase came about. */
  readonly changed: UnixMillis
  /** From the first evidence (the arrival of the first window that counted, the begin of the condition) to `raised`; the same for its life. */
  readonly delayMs: number
  readonly acknowledged: Acknowledgement | null
  /** Of the signal's times; null when the device's clock has not been fitted or no signal is behind it. */
  readonly uncertaintyMs: number | null
  /** From the arrival of the signal's last sample to this transition. */
  readonly latencyMs: number
}

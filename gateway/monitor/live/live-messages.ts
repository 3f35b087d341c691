import type { Lead } from '../../../ecg/leads.js'
import type { AlertTransition } from '../../alerts/alert.js'
import type { AssessmentMessage, DeviceStateMessage, HealthMessage } from '../../mqtt/messages.js'

/** What the gateway and a page say to each other over `/live`, beside waveform frames. Types only: both sides import them. */

export interface MonitoredTask {
  readonly id: string
  readonly display: string
  readonly group: string
  readonly threshold: number
  readonly alerts: boolean
}

/** First, and again after every reconnect. */
export interface Welcome {
  readonly kind: 'welcome'
  readonly gateway: string
  readonly version: string
}

/** What the model is asked, and at which thresholds alerts begin. Comes after the welcome, and when the rules have changed. */
export interface TasksMessage {
  readonly kind: 'tasks'
  readonly tasks: readonly MonitoredTask[]
}

/** A device that has said who it is; again after each of its boots, when sample indices begin anew. */
export interface PatientMessage {
  readonly kind: 'patient'
  /** As in the frames that follow. */
  readonly patient: number
  readonly device: string
  readonly boot: number
  readonly rate: number
  /** Those that the device gives, or that follow from what it gives. */
  readonly leads: readonly Lead[]
  /** The one that the wall shows; null when there is none. */
  readonly wallLead: Lead | null
}

/** An alert as the page shows it. */
export interface MonitoredAlert extends AlertTransition {
  /** The ten seconds behind it can be had. */
  readonly window: boolean
}

/** Probabilities of the last windows of a patient, oldest first; null where a window had none. */
export interface TrendMessage {
  readonly kind: 'trend'
  readonly device: string
  readonly tasks: Readonly<Record<string, readonly (number | null)[]>>
}

export interface GatewayHealth {
  readonly kind: 'health'
  /** What the gateway's clock says. */
  readonly now: number
  readonly model: HealthMessage['model']
  /** What failed and what runs in its place; null while all is well. */
  readonly fallback: string | null
  readonly windowsPerSecond: number
  /** Windows waiting or running. */
  readonly inferenceDepth: number
  /** Of the last window, from its last sample to its answer; null before the first. */
  readonly latencyMs: number | null
  readonly broker: { readonly connected: boolean; readonly host: string }
  readonly outbox: { readonly messages: number; readonly bytes: number }
  readonly clockSynchronised: boolean | null
  /** Devices of the configuration that have not said who they are. */
  readonly waitingFor: readonly string[]
  /** Waveform frames that this viewer was too slow for. */
  readonly framesDropped: number
}

export type LiveMessage =
  | Welcome
  | TasksMessage
  | PatientMessage
  | TrendMessage
  | GatewayHealth
  | { readonly kind: 'device'; readonly message: DeviceStateMessage }
  | { readonly kind: 'assessment'; readonly message: AssessmentMessage }
  | { readonly kind: 'alert'; readonly alert: MonitoredAlert }
  /** No longer shown: so many devices came that this one had to go. */
  | { readonly kind: 'gone'; readonly device: string }
  /** The gateway's answer to `acknowledge`, when it could not be done: one sentence. */
  | { readonly kind: 'refused'; readonly reason: string }

/** What a page asks for. */
export type ViewerRequest =
  /** All leads of one patient, or with null one lead of every patient. Replaces what was watched before. */
  | { readonly kind: 'watch'; readonly device: string | null }
  | { readonly kind: 'acknowledge'; readonly alert: string; readonly by: string }

/** What `/api/evidence/ID` answers. */
export interface EvidenceAnswer {
  /** As it was when this window brought it about. */
  readonly alert: MonitoredAlert
  readonly window: {
    readonly rate: number
    readonly samples: number
    readonly missing: number
    readonly start: number
    readonly uncertaintyMs: number | null
    readonly leadsOff: readonly Lead[]
    readonly leadsAbsent: readonly Lead[]
    readonly quality: string
    readonly reasons: readonly string[]
  }
  /** µV by lead, null where no sample arrived. */
  readonly signal: Readonly<Partial<Record<Lead, readonly (number | null)[]>>>
}

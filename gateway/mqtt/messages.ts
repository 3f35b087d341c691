import { z } from 'zod'
import { ELECTRODES, STANDARD_LEADS } from '../../ecg/leads.js'
import { ALERT_PHASES, ALERT_PRIORITIES, ALERT_STATES, ALERT_TYPES } from '../alerts/alert.js'
import {
  AcknowledgeCommandSchema,
  AlertIdSchema,
  EvidenceCommandSchema,
  HealthCommandSchema,
  ModelInstallCommandSchema,
  ModelListCommandSchema,
  ModelRollbackCommandSchema,
  ReplySchema,
  ResetCommandSchema,
} from './command-messages.js'

/**
 * Every message that subscribers get or send (urn:ecgclip:…:1). The JSON Schemas in `schemas/` are generated from these.
 * Strict: a key that is not described here is an error in this version, and a new one means a new version.
 */

const time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  .describe('RFC 3339, UTC, with milliseconds')
const probability = z.number().min(0).max(1)
const count = z.int().min(0)
const session = z.int().min(1).describe('rises by one with every start of the gateway')
const id = z.string().min(1)
const precision = z.enum(['fp32', 'fp16', 'int8'])
const leads = z.array(z.enum(STANDARD_LEADS))
const uncertainty = z.number().min(0).nullable().describe('half-width of a 95 % interval, ms; null: clock not fitted')

const code = z.strictObject({ system: z.string(), code: z.string(), display: z.string().optional() })
const modelName = { bundle: z.string(), version: z.string(), provider: z.string(), precision }

export const OnlineSchema = z.strictObject({
  state: z.literal('online'),
  session,
  version: z.string().describe('of the gateway program'),
  started: time,
})

export const OfflineSchema = z.strictObject({ state: z.literal('offline'), session })

/** Birth, last words, and the will, which has the session of the birth that it takes back. */
export const StateSchema = z.discriminatedUnion('state', [OnlineSchema, OfflineSchema])

export const HealthSchema = z.strictObject({
  schema: z.literal('urn:ecgclip:health:1'),
  gateway: id,
  session,
  time,
  version: z.string(),
  uptimeSeconds: z.number().min(0),
  rssBytes: count,
  cpuPercent: z.number().min(0).describe('of one core, since the last health message'),
  model: z.strictObject(modelName).nullable().describe('null while no model is loaded'),
  windowsPerSecond: z.number().min(0),
  queue: z.strictObject({ inference: count.describe('windows waiting or running') }),
  outbox: z.strictObject({
    messages: count,
    bytes: count,
    capacityBytes: count,
    writable: z.boolean().describe('false: the disk takes no alerts, so that none are published'),
  }),
  alerts: z.strictObject({
    delay: z
      .partialRecord(
        z.enum(['acute', 'prompt', 'screening']),
        z.strictObject({
          tasks: count.describe('that alert in this tier'),
          minimumMs: z.number().min(0).describe('the least that the rules allow'),
          starts: count.describe('alerts since the start of the gateway'),
          medianMs: z.number().min(0).nullable(),
          maximumMs: z.number().min(0).nullable(),
        }),
      )
      .describe('from the first evidence to the start of an alert, by tier'),
    suppressed: z
      .record(z.string(), count)
      .describe('alerts that did not start, by reason, since the start of the gateway'),
  }),
  clock: z.strictObject({ synchronised: z.boolean().nullable().describe('null: cannot be told on this host') }),
  dropped: z
    .strictObject({ assessments: count, alerts: count, evidence: count })
    .describe('since the start of the gateway'),
})

export const DeviceStateSchema = z.strictObject({
  schema: z.literal('urn:ecgclip:device:1'),
  device: id,
  gateway: id,
  time,
  state: z.enum(['connecting', 'connected', 'streaming', 'stalled', 'lost']),
  reason: z.string(),
  model: z.string().nullable(),
  firmware: z.string().nullable(),
  rate: z.number().positive().nullable().describe('Hz'),
  battery: z.number().min(0).max(100).nullable().describe('%'),
  electrodesOff: z.array(z.enum(ELECTRODES)),
  loss: z.strictObject({
    missingSamples: count,
    duplicateSamples: count,
    lostPackets: count,
    badFrames: count,
    unknownTypes: count,
    resendRequests: count,
    reboots: count,
    reopens: count,
    droppedByDevice: count.nullable().describe('samples, by the device’s own count since its boot'),
  }),
  radio: z
    .strictObject({
      rssi: z.number().nullable().describe('dBm; null until it was measured'),
      mtu: z.int().min(23).nullable().describe('ATT MTU, bytes; null where the system does not tell'),
    })
    .nullable()
    .describe('null on a cable and while there is no connection'),
  clockUncertaintyMs: uncertainty,
})

const assessment = {
  schema: z.literal('urn:ecgclip:assessment:1'),
  device: id,
  gateway: id,
  window: count.describe('since the boot of the device'),
  reasons: z.array(z.string()).describe('why the quality is not good; empty when it is'),
  signal: z.strictObject({
    start: time,
    end: time,
    uncertaintyMs: uncertainty,
    rate: z.number().positive(),
    firstSample: count.describe('the device’s own index'),
    samples: count,
    missing: count,
    leadsOff: leads,
    quality: probability,
    leads: z
      .record(z.string(), probability)
      .optional()
      .describe('how readable the bundle’s quality model finds each usable lead; empty without one'),
  }),
  model: z.strictObject(modelName),
  latencyMs: z.number().min(0),
}

/** An uninterpretable window never carries findings. */
export const AssessmentSchema = z.discriminatedUnion('quality', [
  z.strictObject({ ...assessment, quality: z.enum(['good', 'degraded']), tasks: z.record(id, probability) }),
  z.strictObject({ ...assessment, quality: z.literal('uninterpretable'), tasks: z.strictObject({}) }),
])

const FindingEvidenceSchema = z.strictObject({
  probability,
  threshold: probability,
  windows: count.describe('at or above the threshold since the first that counted'),
  saliency: z.array(z.number()).optional(),
  model: z.strictObject({ ...modelName, sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
})

const TechnicalEvidenceSchema = z.strictObject({
  detail: z.string(),
  lost: z
    .array(z.strictObject({ from: z.int().min(1), to: z.int().min(1) }))
    .optional()
    .describe('outbox overflow: the alert messages that were given up, as ranges of seq, both ends included'),
})

export const AlertSchema = z.strictObject({
  schema: z.literal('urn:ecgclip:alert:1'),
  id: AlertIdSchema.describe('for the life of the alert'),
  seq: z.int().min(1).describe('rises by one with every alert message of the gateway, across restarts'),
  session,
  phase: z.enum(ALERT_PHASES),
  state: z.enum(ALERT_STATES),
  priority: z.enum(ALERT_PRIORITIES),
  type: z.enum(ALERT_TYPES),
  condition: z.strictObject({
    key: id,
    display: z.string(),
    group: z.enum(['diagnosis', 'echo', 'rare', 'technical']),
    codes: z.array(code),
  }),
  evidence: z.union([FindingEvidenceSchema, TechnicalEvidenceSchema]),
  signal: z
    .strictObject({
      start: time,
      end: time,
      rate: z.number().positive(),
      missing: count,
      leadsOff: leads,
      quality: probability,
    })
    .nullable()
    .describe('null where no window stands behind the alert'),
  time: z.strictObject({
    raised: time.describe('when the alert began'),
    changed: time.describe('when this phase came about'),
    published: time.describe('when it was handed to the broker; differs between repeated deliveries'),
    uncertaintyMs: uncertainty,
    delayMs: z.number().min(0).describe('from the first evidence to `raised`'),
    latencyMs: z.number().min(0).describe('from the arrival of the signal’s last sample to `published`'),
  }),
  acknowledged: z
    .strictObject({ by: z.string().nullable().describe('a role or a pseudonym'), at: time })
    .nullable()
    .describe('somebody has seen it'),
  historical: z.boolean().describe('stored while the broker was away: do not sound on it'),
  device: id,
  gateway: id,
  subject: z.string().nullable().describe('pseudonym, never a name'),
})

/** The window behind an alert: every lead of the bundle's input, null where it was off or the device has none. */
const EvidenceWindowSchema = z.strictObject({
  schema: z.literal('urn:ecgclip:evidence:1'),
  alert: AlertIdSchema,
  key: id,
  device: id,
  gateway: id,
  signal: z.strictObject({ start: time, end: time, missing: count, quality: probability }),
  rate: z.number().positive().describe('Hz'),
  samples: count.describe('of each lead'),
  unit: z.literal('uV').describe('of one count'),
  encoding: z.literal('int16le;base64'),
  leads: z.partialRecord(z.enum(STANDARD_LEADS), z.string().nullable()),
  saliency: z.array(z.number()).optional().describe('what each time step gave to the finding, oldest first'),
})

/** FHIR R4 or R5; its own definitions describe the rest. */
const FhirObservationSchema = z.looseObject({ resourceType: z.literal('Observation') })

export const EvidenceSchema = z.union([EvidenceWindowSchema, FhirObservationSchema])

export type EvidenceMessage = z.infer<typeof EvidenceSchema>
export type StateMessage = z.infer<typeof StateSchema>
export type HealthMessage = z.infer<typeof HealthSchema>
export type DeviceStateMessage = z.infer<typeof DeviceStateSchema>
export type AssessmentMessage = z.infer<typeof AssessmentSchema>
export type AlertMessage = z.infer<typeof AlertSchema>

/** By the name of their file in `schemas/`. */
export const MESSAGE_SCHEMAS = {
  state: StateSchema,
  health: HealthSchema,
  device: DeviceStateSchema,
  assessment: AssessmentSchema,
  alert: AlertSchema,
  evidence: EvidenceSchema,
  'command-health': HealthCommandSchema,
  'command-evidence': EvidenceCommandSchema,
  'command-ack': AcknowledgeCommandSchema,
  'command-reset': ResetCommandSchema,
  'command-model-install': ModelInstallCommandSchema,
  'command-model-rollback': ModelRollbackCommandSchema,
  'command-model-list': ModelListCommandSchema,
  reply: ReplySchema,
}
export type MessageName = keyof typeof MESSAGE_SCHEMAS

/** RFC 3339 in UTC with milliseconds. */
export const rfc3339 = (unixMillis: number): string => new Date(Math.round(unixMillis)).toISOString()

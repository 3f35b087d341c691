import { z } from 'zod'

/** What a gateway can be asked over MQTT, and how it answers. Who may ask is decided by the broker, by topic (`cmd/<verb>`). */

export const TransactionSchema = z.union([z.string().max(128), z.number()])
const transaction = TransactionSchema.optional().describe('echoed in the replies')

export const AlertIdSchema = z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/, 'it must be a ULID')
const level = z.string().min(1)
const by = z.string().min(1).max(64).optional().describe('a role or a pseudonym, never a name')

export const HealthCommandSchema = z.strictObject({ transaction })

/** An open alert: by its id, or by the device and key that its topic has. */
const openAlert = z.union([
  z.strictObject({ transaction, id: AlertIdSchema, by }),
  z.strictObject({ transaction, device: level, key: level, by }),
])
export const AcknowledgeCommandSchema = openAlert
export const ResetCommandSchema = openAlert

export const EVIDENCE_FORMATS = ['int16', 'fhir-r4', 'fhir-r5'] as const
export const EvidenceCommandSchema = z.strictObject({
  transaction,
  id: AlertIdSchema,
  format: z.enum(EVIDENCE_FORMATS).default('int16'),
})

/** One last reply, `ok` or `error`, to every command; before it, `progress` as often as there is any. */
export const ReplySchema = z.strictObject({
  status: z.enum(['ok', 'error', 'progress']),
  transaction,
  code: z.string().optional().describe('error only; stable, for programs'),
  error: z.string().optional().describe('error only; one sentence'),
  data: z.unknown().optional(),
})

export type Reply = z.infer<typeof ReplySchema>
export type EvidenceFormat = (typeof EVIDENCE_FORMATS)[number]
type OpenAlertName = z.infer<typeof openAlert>

export type { OpenAlertName }

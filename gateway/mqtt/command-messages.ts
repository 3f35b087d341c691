import { z } from 'zod'
import { EVIDENCE_FORMATS } from '../alerts/evidence-format.js'

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

export const EvidenceCommandSchema = z.strictObject({
  transaction,
  id: AlertIdSchema,
  format: z.enum(EVIDENCE_FORMATS).default('int16'),
})

/** Bytes of an archive that one message may bring. */
export const MAX_CHUNK_BYTES = 256 * 1024

/** A bundle by its address, or in pieces, each answered with how many bytes there are now: the next one goes on from there. */
export const ModelInstallCommandSchema = z.union([
  z.strictObject({ transaction, url: z.string().max(2048).describe('https:// address of a .tar.gz') }),
  z.strictObject({
    transaction,
    transfer: z.string().min(1).max(128).describe('the same for all pieces of one archive, and for no other'),
    offset: z.int().min(0).describe('of the first byte in the archive'),
    total: z.int().min(1).describe('bytes of the archive'),
    data: z
      .string()
      .max(Math.ceil(MAX_CHUNK_BYTES / 3) * 4)
      .regex(/^[A-Za-z0-9+/]*={0,2}$/, 'it must be base64'),
  }),
])
export const ModelRollbackCommandSchema = z.strictObject({ transaction })
export const ModelListCommandSchema = z.strictObject({ transaction })

/** One last reply, `ok` or `error`, to every command; before it, `progress` as often as there is any. */
export const ReplySchema = z.strictObject({
  status: z.enum(['ok', 'error', 'progress']),
  transaction,
  code: z.string().optional().describe('error only; stable, for programs'),
  error: z.string().optional().describe('error only; one sentence'),
  data: z.unknown().optional(),
})

export type Reply = z.infer<typeof ReplySchema>
type OpenAlertName = z.infer<typeof openAlert>

export type { OpenAlertName }

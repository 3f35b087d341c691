import type { z } from 'zod'

/** What is said while a command that takes long is under way: a reply with status `progress`. */
export type Progress = (data: object) => void

/** One verb that a gateway takes over MQTT (`cmd/<verb>`). Who may say it is decided by the broker, by topic. */
export interface CommandHandler {
  /** As it stands in the topic; it may have several levels, such as `model/install`. */
  readonly verb: string
  readonly schema: z.ZodType
  /** A longer payload is refused unread. */
  readonly maxBytes: number
  /** What the reply carries as `data`. Throws an `EcgclipError` whose code and sentence go into the reply. */
  run(input: unknown, progress: Progress): unknown
}

/** A transaction and little else. */
const MAX_COMMAND_BYTES = 4096

/** Ties a verb to its schema, so that the handler is given only what the schema lets through. */
export function command<Schema extends z.ZodType>(
  verb: string,
  schema: Schema,
  run: (input: z.output<Schema>, progress: Progress) => unknown,
  maxBytes: number = MAX_COMMAND_BYTES,
): CommandHandler {
  return { verb, schema, maxBytes, run: (input, progress) => run(input as z.output<Schema>, progress) }
}

import { join } from 'node:path'
import { z } from 'zod'

/**
 * What a program on this machine says to the gateway that holds a device, and is answered: a line of JSON each. The loan lasts as
 * long as the connection, so it ends with the program, however that ends.
 */

/** A Unix socket in the gateway's own folder: whoever may write there may borrow. */
export const lendingSocket = (dataFolder: string) => join(dataFolder, 'lending.sock')

export const MAX_LINE_BYTES = 4 * 1024

/** `lend`: URI of a device. */
export const LendRequestSchema = z.strictObject({ lend: z.string() })

export const LendAnswerSchema = z.strictObject({
  /** lent: it is yours · unknown: the gateway has no such device · taken: somebody else has borrowed it. */
  outcome: z.enum(['lent', 'unknown', 'taken']),
})
export type LendAnswer = z.infer<typeof LendAnswerSchema>

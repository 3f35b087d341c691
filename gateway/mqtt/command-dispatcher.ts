import { EcgclipError } from '../../ecg/ecgclip-error.js'
import type { Connection } from './broker-link.js'
import type { CommandHandler } from './command.js'
import { type Reply, TransactionSchema } from './command-messages.js'
import type { Log } from './log.js'
import { takingTurns } from './taking-turns.js'
import type { Topics } from './topics.js'

/** Commands of one verb that are not answered yet, or whose answer the broker has not acknowledged; more are not taken. */
const MAX_UNDER_WAY = 16

/**
 * Answers commands on a connection, for as long as it lasts; those of one verb one after the other. Every command that is
 * taken gets one last reply (`ok` or `error`) with its transaction; a retained one is not taken, for it would be carried out
 * again at every connection.
 */
export function answerCommands(
  connection: Connection,
  topics: Topics,
  commands: readonly CommandHandler[],
  log: Log,
): void {
  for (const handler of commands) {
    const { verb } = handler
    const inTurn = takingTurns()
    let underWay = 0
    const publish = (reply: Reply) =>
      connection.publish({ topic: topics.reply(verb), payload: JSON.stringify(reply), retain: false, qos: 1 })
    const carryOut = async (payload: Buffer) => {
      underWay++
      try {
        await publish(await inTurn(() => answer(handler, payload, reply => void publish(reply).catch(() => {}), log)))
      } catch {
        // The connection broke; whoever asked sees that too, and asks again.
      } finally {
        underWay--
      }
    }
    connection.subscribe(topics.command(verb), (payload, retained) => {
      if (retained) log.warn({ verb }, 'a retained command is not carried out: publish commands without retain')
      else if (underWay >= MAX_UNDER_WAY) log.warn({ verb }, 'too many commands at once: this one is not answered')
      else void carryOut(payload)
    })
  }
}

async function answer(
  { verb, schema, maxBytes, run }: CommandHandler,
  payload: Buffer,
  say: (reply: Reply) => void,
  log: Log,
): Promise<Reply> {
  if (payload.length > maxBytes) return refusal('COMMAND_TOO_LONG', `the command is longer than ${maxBytes} bytes`)
  const command = parsed(payload)
  if (command === undefined) return refusal('COMMAND_NOT_JSON', 'the command is not JSON')
  const transaction = TransactionSchema.safeParse((command as { transaction?: unknown } | null)?.transaction).data
  const echo = transaction === undefined ? {} : { transaction }
  const input = schema.safeParse(command)
  if (!input.success) {
    const objections = input.error.issues.map(({ path, message }) => `${path.join('.') || 'the command'}: ${message}`)
    return { ...refusal('COMMAND_INVALID', objections.join('; ')), ...echo }
  }
  try {
    const data = await run(input.data, data => say({ status: 'progress', ...echo, data }))
    log.info({ verb, ...echo }, 'command carried out')
    return { status: 'ok', ...echo, ...(data !== undefined && { data }) }
  } catch (error) {
    const known = error instanceof EcgclipError
    if (known) log.info({ verb, ...echo, code: error.code }, 'command refused')
    else log.error({ verb, ...echo, error }, 'command failed')
    return { ...refusal(known ? error.code : 'COMMAND_FAILED', (error as Error).message), ...echo }
  }
}

const refusal = (code: string, error: string): Reply => ({ status: 'error', code, error })

/** An empty message is an empty command. Undefined: not JSON. */
function parsed(payload: Buffer): unknown {
  if (payload.length === 0) return {}
  try {
    return JSON.parse(payload.toString())
  } catch {
    return undefined
  }
}

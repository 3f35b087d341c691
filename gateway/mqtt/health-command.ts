import type { Connection } from './broker-link.js'
import { CommandSchema, type HealthMessage, type Reply } from './messages.js'
import type { Topics } from './topics.js'

/** A command is a transaction number and little else. */
const MAX_COMMAND_BYTES = 4096

/** Replies that the broker has not acknowledged; commands that come on top of them are not answered. */
const MAX_REPLIES_UNDER_WAY = 16

/** Answers `cmd/health` on a connection, for as long as it lasts. */
export function answerHealthCommand(connection: Connection, topics: Topics, health: () => HealthMessage): void {
  let underWay = 0
  connection.subscribe(topics.command('health'), payload => {
    if (underWay >= MAX_REPLIES_UNDER_WAY) return
    underWay++
    const done = () => {
      underWay--
    }
    const reply = { topic: topics.reply('health'), payload: JSON.stringify(answer(payload, health)), retain: false }
    connection.publish({ ...reply, qos: 1 }).then(done, done)
  })
}

function answer(payload: Buffer, health: () => HealthMessage): Reply {
  if (payload.length > MAX_COMMAND_BYTES) return { status: 'error', error: 'the command is too long' }
  const command = CommandSchema.safeParse(parsed(payload))
  if (!command.success) return { status: 'error', error: 'the command is not a JSON object with a transaction' }
  const { transaction } = command.data
  return { status: 'ok', ...(transaction !== undefined && { transaction }), data: health() }
}

/** An empty message is a command without a transaction. Undefined: not JSON. */
function parsed(payload: Buffer): unknown {
  if (payload.length === 0) return {}
  try {
    return JSON.parse(payload.toString())
  } catch {
    return undefined
  }
}

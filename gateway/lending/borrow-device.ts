import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { EcgclipError } from '../../ecg/ecgclip-error.js'
import { Seconds } from '../../ecg/units.js'
import { LendAnswerSchema, lendingSocket } from './lending-messages.js'

/** A device that a running gateway has left to this program. */
export interface Loan {
  /** It goes on streaming to the gateway; so it does when this program ends. */
  giveBack(): void
}

/** Closing a Bluetooth connection takes its time. */
const ANSWER_WITHIN = Seconds(10)

/**
 * Borrows a device from the gateway whose state is in this folder. Undefined where no gateway runs that this user may ask, or it
 * has no such device. Throws where somebody else has borrowed it.
 */
export async function borrowDevice(dataFolder: string, uri: string): Promise<Loan | undefined> {
  const socket = connect(lendingSocket(dataFolder))
  try {
    await once(socket, 'connect')
  } catch {
    return undefined
  }
  socket.on('error', () => {})
  socket.write(`${JSON.stringify({ lend: uri })}\n`)
  const lines = createInterface({ input: socket })
  const timer = setTimeout(() => socket.destroy(), ANSWER_WITHIN)
  try {
    const { value } = await lines[Symbol.asyncIterator]().next()
    const { outcome } = LendAnswerSchema.parse(JSON.parse(value))
    if (outcome === 'lent') return { giveBack: () => socket.destroy() }
    socket.destroy()
    if (outcome === 'unknown') return undefined
  } catch (cause) {
    socket.destroy()
    throw new EcgclipError('DEVICE_NOT_LENT', `The gateway does not give ${uri} away: stop it, then try again`, {
      cause,
    })
  } finally {
    clearTimeout(timer)
  }
  throw new EcgclipError('DEVICE_LENT', `Another program has borrowed ${uri} from the gateway: wait until it is done`)
}

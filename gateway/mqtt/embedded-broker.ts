import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { Seconds } from '../../ecg/units.js'
import { MessagingError } from './messaging-error.js'

const LOOPBACK = '127.0.0.1'

/** What is kept for a subscriber that does not read: minutes of assessments. Beyond it all the others wait for this one … */
const UNREAD_BYTES = 2 ** 20
/** … and if it does not catch up within this, it is disconnected. Shorter than a publisher waits for its PUBACK. */
const DRAIN_TIMEOUT = Seconds(2)

export interface EmbeddedBroker {
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

/** An MQTT 3.1.1 broker in this process, for demo and desk: loopback only, in memory only. `port` 0 takes any free one. */
export async function startEmbeddedBroker(port: number): Promise<EmbeddedBroker> {
  const { Aedes } = await import('aedes') // most gateways have a broker, and no memory to spare for one
  const broker = await Aedes.createBroker({ drainTimeout: DRAIN_TIMEOUT })
  const sockets = new Set<Socket>()
  const server = createServer({ highWaterMark: UNREAD_BYTES }, socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    broker.handle(socket)
  })
  const closeBroker = () => new Promise<void>(resolve => broker.close(resolve))
  try {
    server.listen(port, LOOPBACK)
    await once(server, 'listening')
  } catch (cause) {
    await closeBroker()
    const busy = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE'
    throw new MessagingError(
      busy ? 'BROKER_PORT_IN_USE' : 'BROKER_PORT',
      busy
        ? `Port ${port} on ${LOOPBACK} is in use, so the embedded broker cannot start; choose another port, or give the URL of the broker that runs there.`
        : `The embedded broker cannot listen on port ${port} of ${LOOPBACK} (${(cause as Error).message}); choose another port.`,
      { cause, exitCode: 2 },
    )
  }
  const { port: bound } = server.address() as AddressInfo
  return {
    url: `mqtt://${LOOPBACK}:${bound}`,
    port: bound,
    async close() {
      const closed = once(server, 'close')
      server.close()
      await closeBroker()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

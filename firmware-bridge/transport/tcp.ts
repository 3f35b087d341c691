import { createConnection, type Socket } from 'node:net'
import { monotonicNow } from './monotonic-now.js'
import { MAX_WRITE_QUEUE, type Transport } from './transport.js'
import { TransportError } from './transport-error.js'

/** An address that answers nothing at all, ms. */
const CONNECT_TIMEOUT = 5_000
/** Time for what was written before `close`, e.g. STOP, to leave, ms. */
const LAST_WORDS = 100
/** A peer that vanished without a word is noticed by the kernel, too, ms. */
const KEEP_ALIVE = 5_000

/** A TCP connection to a device or a serial server. */
export function createTcpTransport(host: string, port: number): Transport {
  let socket: Socket | undefined

  function open(listener: Parameters<Transport['open']>[0]): Promise<void> {
    return new Promise((resolve, reject) => {
      const opening = createConnection({
        host,
        port,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: KEEP_ALIVE,
      })
      socket = opening
      let failure: NodeJS.ErrnoException | undefined
      let connected = false
      opening.setTimeout(CONNECT_TIMEOUT, () =>
        opening.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })),
      )
      opening.on('connect', () => {
        connected = true
        opening.setTimeout(0)
        resolve()
      })
      opening.on('data', bytes => listener.bytes(bytes, monotonicNow()))
      opening.on('error', error => {
        failure = error
      })
      opening.on('close', () => {
        if (!connected) reject(openError(host, port, failure))
        else if (socket === opening) {
          listener.closed(failure ? `the connection broke (${failure.code})` : 'the device closed the connection')
        }
      })
    })
  }

  function write(bytes: Uint8Array) {
    if (socket?.writable && socket.writableLength < MAX_WRITE_QUEUE) socket.write(bytes)
  }

  async function close() {
    const closing = socket
    socket = undefined
    closing?.destroySoon()
    setTimeout(() => closing?.destroy(), LAST_WORDS).unref()
  }

  return { open, write, close }
}

function openError(host: string, port: number, cause?: NodeJS.ErrnoException): TransportError {
  const place = `${host}:${port}`
  switch (cause?.code) {
    case 'ECONNREFUSED':
      return new TransportError(
        'host-refused',
        `nothing listens on ${place}: start the device or correct the port`,
        cause,
      )
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new TransportError('host-unknown', `the name ${host} is not known: correct it or use an IP address`, cause)
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return new TransportError('host-unreachable', `${place} does not answer: check its power and the network`, cause)
    default:
      return new TransportError('carrier-failed', `${place} cannot be reached (${cause?.message ?? 'closed'})`, cause)
  }
}

import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { Seconds } from '../../ecg/units.js'
import type { DeviceStream } from '../../firmware-bridge/device-stream.js'
import { listSerialPorts, type SerialPortFound } from '../../firmware-bridge/discovery/serial-ports.js'
import type { Log } from '../mqtt/log.js'
import { type LendAnswer, LendRequestSchema, lendingSocket, MAX_LINE_BYTES } from './lending-messages.js'
import { samePlace } from './same-place.js'

/** Who connects and asks for nothing is sent away. */
const ASK_WITHIN = Seconds(5)
const MOST_BORROWERS = 16
/** Bytes of `sockaddr_un.sun_path` on Linux, 108, and on macOS, 104, less the one that ends it. */
const MAX_SOCKET_PATH = 103
const REASON = 'lent to another program on this machine, as for a firmware update: it is not monitored meanwhile'

export interface Lending {
  /** Nothing is lent any more, and nothing comes back. */
  stop(): Promise<void>
}

/** Lends the gateway's devices to programs on this machine, one device to one program. `dataFolder` is this gateway's alone. */
export async function lendDevices(
  dataFolder: string,
  streams: readonly DeviceStream[],
  log: Log,
  list: () => Promise<readonly SerialPortFound[]> = listSerialPorts,
): Promise<Lending> {
  const path = lendingSocket(dataFolder)
  const borrowers = new Set<Socket>()
  const lent = new Set<DeviceStream>()
  let stopping = false

  const server = createServer(socket => {
    borrowers.add(socket)
    let borrowed: DeviceStream | undefined
    socket
      .setTimeout(ASK_WITHIN, () => socket.destroy())
      .on('error', () => {}) // told by `close`
      .on('close', () => {
        borrowers.delete(socket)
        if (!borrowed) return
        lent.delete(borrowed)
        if (stopping) return
        log.info({ uri: borrowed.uri }, 'a lent device is back')
        borrowed.retake()
      })
      .on('data', () => {
        if (socket.bytesRead > MAX_LINE_BYTES) socket.destroy()
      })
    createInterface({ input: socket })
      .on('error', () => {})
      .once('line', async line => {
        const asked = requestIn(line)
        if (asked === undefined) return void socket.destroy()
        const ports = await list().catch(() => [])
        if (socket.destroyed) return // has gone meanwhile
        const stream = streams.find(({ uri }) => samePlace(uri, asked, ports))
        if (!stream) return answer(socket, 'unknown')
        if (lent.has(stream)) return answer(socket, 'taken')
        socket.setTimeout(0)
        lent.add(stream)
        borrowed = stream
        log.warn({ uri: stream.uri }, 'a device is lent to another program')
        void stream.release(REASON).then(() => socket.write(lineOf({ outcome: 'lent' })))
      })
  })
  server.maxConnections = MOST_BORROWERS

  // Only a gateway that was killed leaves its socket behind: two never share a folder.
  rmSync(path, { force: true })
  try {
    // Node cuts a longer one short, and listens elsewhere.
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH) throw new Error(`${path} is too long for a socket`)
    await once(server.listen(path), 'listening')
    chmodSync(path, 0o600)
  } catch (error) {
    log.warn({ reason: (error as Error).message }, 'devices cannot be lent: stop the gateway before one is flashed')
  }

  return {
    async stop() {
      stopping = true
      for (const socket of borrowers) socket.destroy()
      if (server.listening) await new Promise(resolve => server.close(resolve))
    },
  }
}

const lineOf = (answer: LendAnswer) => `${JSON.stringify(answer)}\n`
const answer = (socket: Socket, outcome: LendAnswer['outcome']) => void socket.end(lineOf({ outcome }))

function requestIn(line: string): string | undefined {
  try {
    return LendRequestSchema.parse(JSON.parse(line)).lend
  } catch {
    return undefined
  }
}

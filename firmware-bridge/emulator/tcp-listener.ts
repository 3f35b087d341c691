import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { monotonicNow } from '../transport/monotonic-now.js'
import { type DeviceCarrier, type HostBytes, MAX_QUEUE, READY_BELOW } from './device-carrier.js'

/** The device's end of a TCP carrier. It serves one host: a new connection replaces the old one. Port 0 takes a free one. */
export async function listenTcp(host: string, port: number, received: HostBytes): Promise<DeviceCarrier> {
  let socket: Socket | undefined
  const server = createServer({ noDelay: true }, connection => {
    socket?.destroy()
    socket = connection
    connection.on('data', bytes => received(bytes, monotonicNow()))
    connection.on('error', () => {}) // the host is gone; 'close' follows
    connection.on('close', () => {
      if (socket === connection) socket = undefined
    })
  })
  server.listen(port, host)
  await once(server, 'listening')
  const { port: bound } = server.address() as AddressInfo

  async function close() {
    socket?.destroy()
    server.close()
    await once(server, 'close')
  }

  return {
    uri: `tcp:${host}:${bound}`,
    write(bytes) {
      if (socket && socket.writableLength + bytes.length <= MAX_QUEUE) socket.write(bytes)
    },
    ready: () => (socket?.writableLength ?? 0) < READY_BELOW,
    present: () => socket !== undefined,
    close,
  }
}

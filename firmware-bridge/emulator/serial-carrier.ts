import { monotonicNow } from '../transport/monotonic-now.js'
import { createSerialTransport } from '../transport/serial.js'
import type { DeviceCarrier, HostBytes } from './device-carrier.js'

/** The device's end of a real serial cable, or of any tty that exists already. Rejects with a `TransportError`. */
export async function openSerialCarrier(path: string, baud: number, received: HostBytes): Promise<DeviceCarrier> {
  const transport = createSerialTransport(path, baud)
  await transport.open({ bytes: bytes => received(bytes, monotonicNow()), closed: () => {} })
  return {
    uri: `serial:${path}?baud=${baud}`,
    write: bytes => transport.write(bytes),
    ready: () => true,
    present: () => true,
    close: () => transport.close(),
  }
}

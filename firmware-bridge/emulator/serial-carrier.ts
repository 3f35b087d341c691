import { monotonicNow } from '../transport/monotonic-now.js'
import { createSerialTransport } from '../transport/serial.js'
import type { DeviceCarrier, HostBytes } from './device-carrier.js'

/** How often a cable that was pulled is looked for, ms. */
const LOOK_AGAIN = 250

/**
 * The device's end of a real serial cable, or of any tty that exists already. Rejects with a `TransportError`; once it was
 * open, it is opened again whenever it goes away, for ever.
 */
export async function openSerialCarrier(path: string, baud: number, received: HostBytes): Promise<DeviceCarrier> {
  const transport = createSerialTransport(path, baud)
  let present = false
  let timer: NodeJS.Timeout | undefined
  let ended = false

  async function open() {
    await transport.open({ bytes: bytes => received(bytes, monotonicNow()), closed: openLater })
    present = true
  }

  function openLater() {
    present = false
    if (!ended) timer = setTimeout(() => void open().catch(openLater), LOOK_AGAIN)
  }

  await open()
  return {
    uri: `serial:${path}?baud=${baud}`,
    write: bytes => transport.write(bytes),
    ready: () => true,
    present: () => present,
    close() {
      ended = true
      clearTimeout(timer)
      return transport.close()
    },
  }
}

import { createSerialTransport } from '../transport/serial.js'
import type { Transport } from '../transport/transport.js'
import { portByName } from './port-by-name.js'
import { listSerialPorts, type SerialPortFound } from './serial-ports.js'

/** The serial port of a USB device, at whatever socket and under whatever name it is when it is opened. */
export function createNamedSerialTransport(
  name: string,
  baudRate: number,
  list: () => Promise<readonly SerialPortFound[]> = listSerialPorts,
): Transport {
  let port: Transport | undefined
  let opens = 0
  return {
    async open(listener) {
      const generation = ++opens
      const { path } = portByName(name, await list())
      if (generation !== opens) return // closed meanwhile
      port = createSerialTransport(path, baudRate)
      await port.open(listener)
    },
    write: bytes => port?.write(bytes),
    async close() {
      opens++
      await port?.close()
    },
  }
}

import { realpath } from 'node:fs/promises'
import { basename } from 'node:path'
import { isPortName, portByName } from '../discovery/port-by-name.js'
import { listSerialPorts } from '../discovery/serial-ports.js'

/** The USB serial number of what is behind a port, so that a device keeps its identity at any socket; else the port's own name. */
export async function portName(path: string): Promise<string> {
  try {
    const ports = await listSerialPorts()
    const target = await realpath(path).catch(() => path)
    const port = isPortName(path) ? portByName(path, ports) : ports.find(port => port.path === target)
    return port?.usb?.serialNumber ?? basename(path)
  } catch {
    return basename(path) // unplugged this moment
  }
}

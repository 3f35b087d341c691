import { realpath } from 'node:fs/promises'
import { basename } from 'node:path'
import { isPortName, portByName } from '../discovery/port-by-name.js'
import { listSerialPorts, type SerialPortFound } from '../discovery/serial-ports.js'

/**
 * Serial numbers that two devices at once have had, as bridge chips have that leave the factory with 0001. They stay here when
 * one of the two is unplugged: the other must not take its identity.
 */
const shared = new Set<string>()

/**
 * The USB serial number of what is behind a port, so that a device keeps its identity at any socket; else the port's own name,
 * also where another device has the same number: one patient is not another.
 */
export async function portName(
  path: string,
  list: () => Promise<readonly SerialPortFound[]> = listSerialPorts,
): Promise<string> {
  try {
    const ports = await list()
    noteShared(ports)
    const target = await realpath(path).catch(() => path)
    const port = isPortName(path) ? portByName(path, ports) : ports.find(port => port.path === target)
    const serialNumber = port?.usb?.serialNumber
    return serialNumber === undefined || shared.has(serialNumber) ? basename(path) : serialNumber
  } catch {
    return basename(path) // unplugged this moment
  }
}

function noteShared(ports: readonly SerialPortFound[]) {
  const sockets = new Map<string, string>()
  for (const { usb } of ports) {
    if (usb?.serialNumber === undefined) continue
    if ((sockets.get(usb.serialNumber) ?? usb.socket) !== usb.socket) shared.add(usb.serialNumber)
    sockets.set(usb.serialNumber, usb.socket)
  }
}

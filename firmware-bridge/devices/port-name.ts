import { realpath } from 'node:fs/promises'
import { basename } from 'node:path'
import { SerialPort } from 'serialport'

/** The USB serial number of what is behind a port, so that a device keeps its identity at any socket; else the port's own name. */
export async function portName(path: string): Promise<string> {
  try {
    const target = await realpath(path).catch(() => path)
    const ports = await SerialPort.list()
    return ports.find(port => port.path === target)?.serialNumber ?? basename(path)
  } catch {
    return basename(path) // the system has no list of ports, e.g. a container without udev
  }
}

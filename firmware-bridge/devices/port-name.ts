import { realpath } from 'node:fs/promises'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SerialPort } from 'serialport'

/** The system lists its ports in tens of milliseconds, or has no list worth waiting for, ms. */
const LIST_WITHIN = 1_000

/**
 * The USB serial number of what is behind a port, so that a device keeps its identity at any socket. The port's own name where
 * there is none, or where another port has the same, as cheap adapters do: two patients must not share a name.
 */
export async function portName(path: string): Promise<string> {
  const target = await realpath(path).catch(() => path)
  // Rejects where the system has no list, e.g. a container without udev.
  const listing = SerialPort.list().catch(() => [])
  const ports = await Promise.race([listing, sleep(LIST_WITHIN, [], { ref: false })])
  const serial = ports.find(port => port.path === target)?.serialNumber
  const unique = ports.filter(port => port.serialNumber === serial).length === 1
  return serial && unique ? serial : basename(path)
}

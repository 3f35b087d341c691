import { realpathSync } from 'node:fs'
import { isPortName, portByName } from '../../firmware-bridge/discovery/port-by-name.js'
import type { SerialPortFound } from '../../firmware-bridge/discovery/serial-ports.js'
import { parseDeviceUri } from '../../firmware-bridge/transport/device-uri.js'

/**
 * Whether two URIs lead to the same device, whatever is spoken to it: ports have several names, addresses two cases.
 * `ports`: that there are now.
 */
export function samePlace(one: string, other: string, ports: readonly SerialPortFound[]): boolean {
  return placeOf(one, ports) === placeOf(other, ports)
}

function placeOf(text: string, ports: readonly SerialPortFound[]): string {
  try {
    const uri = parseDeviceUri(text.replace(/\?[^?]*$/, '')) // a driver may have options of its own
    if (uri.carrier === 'serial') return `serial:${portAt(uri.path, ports)}`
    if (uri.carrier === 'tcp') return `tcp:${uri.host.toLowerCase()}:${uri.port}`
    if (uri.carrier === 'ble') return `ble:${uri.address.toLowerCase()}`
  } catch {
    // no URI of one device: known by its text alone
  }
  return text
}

/** Where it is not plugged in it is known by its name alone. */
function portAt(path: string, ports: readonly SerialPortFound[]): string {
  try {
    return realpathSync(isPortName(path) ? portByName(path, ports).path : path)
  } catch {
    return path
  }
}

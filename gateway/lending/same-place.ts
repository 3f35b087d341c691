import { realpathSync } from 'node:fs'
import { isPortName } from '../../firmware-bridge/discovery/port-by-name.js'
import { parseDeviceUri } from '../../firmware-bridge/transport/device-uri.js'

/** Whether two URIs lead to the same device, whatever is spoken to it: ports have several names, addresses two cases. */
export function samePlace(one: string, other: string): boolean {
  return placeOf(one) === placeOf(other)
}

function placeOf(text: string): string {
  try {
    const uri = parseDeviceUri(text)
    if (uri.carrier === 'serial') return `serial:${isPortName(uri.path) ? uri.path : realpathSync(uri.path)}`
    if (uri.carrier === 'tcp') return `tcp:${uri.host.toLowerCase()}:${uri.port}`
    if (uri.carrier === 'ble') return `ble:${uri.address.toLowerCase()}`
  } catch {
    // not plugged in, or no URI of one device: known by its text alone
  }
  return text
}

import type { DeviceStream } from '../device-stream.js'
import { createReplayTransport } from '../emulator/replay-transport.js'
import { DEFAULT_DRIVER, parseDeviceUri } from '../transport/device-uri.js'
import { createFramedCarrier } from '../transport/framed-carrier.js'
import { TransportError } from '../transport/transport-error.js'
import { transportFor } from '../transport/transport-for.js'
import { createEcgLinkDevice } from './ecg-link.js'
import { openVendorDevice, VENDOR_DRIVERS } from './vendor-devices.js'

/** The device that a URI names, not yet started. Throws a `TransportError` where the URI itself is wrong. */
export function openDevice(uri: string): DeviceStream {
  const vendor = openVendorDevice(uri)
  if (vendor) return vendor
  const parsed = parseDeviceUri(uri)
  if (parsed.driver !== DEFAULT_DRIVER) {
    throw new TransportError(
      'device-uri',
      `"${uri}" asks for the unknown driver ${parsed.driver}: there are ${[DEFAULT_DRIVER, ...VENDOR_DRIVERS].join(', ')}`,
    )
  }
  const transport = parsed.carrier === 'replay' ? createReplayTransport(parsed.record) : transportFor(parsed)
  return createEcgLinkDevice(uri, createFramedCarrier(transport))
}

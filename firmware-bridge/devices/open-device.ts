import { createBleEcgLinkCarrier } from '../ble/ecg-link-carrier.js'
import { createGattCarrier } from '../ble/gatt-carrier.js'
import type { DeviceStream } from '../device-stream.js'
import { AUTO_DEVICE, createAutoDevice } from '../discovery/auto-device.js'
import { findSerialDevices } from '../discovery/find-devices.js'
import { createReplayTransport } from '../emulator/replay-transport.js'
import { DEFAULT_DRIVER, type DeviceUri, parseDeviceUri } from '../transport/device-uri.js'
import { createFramedCarrier } from '../transport/framed-carrier.js'
import type { Tap } from '../transport/gatt.js'
import type { PacketCarrier } from '../transport/packet-carrier.js'
import { TransportError } from '../transport/transport-error.js'
import { transportFor } from '../transport/transport-for.js'
import { createEcgLinkDevice } from './ecg-link.js'
import { openVendorDevice, VENDOR_DRIVERS } from './vendor-devices.js'

/** The device that a URI names, not yet started. Throws a `TransportError` where the URI itself is wrong. `tap`: on its carrier. */
export function openDevice(uri: string, tap: Tap = carrier => carrier): DeviceStream {
  if (uri === AUTO_DEVICE) return createAutoDevice(findSerialDevices, found => openDevice(found, tap))
  const vendor = openVendorDevice(uri, createGattCarrier, tap)
  if (vendor) return vendor
  const parsed = parseDeviceUri(uri)
  if (parsed.driver !== DEFAULT_DRIVER) {
    throw new TransportError(
      'device-uri',
      `"${uri}" asks for the unknown driver ${parsed.driver}: there are ${[DEFAULT_DRIVER, ...VENDOR_DRIVERS].join(', ')}`,
    )
  }
  return createEcgLinkDevice(uri, carrierFor(parsed, tap))
}

function carrierFor(uri: DeviceUri, tap: Tap): PacketCarrier {
  switch (uri.carrier) {
    case 'ble':
      return createBleEcgLinkCarrier(uri, tap)
    case 'replay':
      return createFramedCarrier(tap(createReplayTransport(uri.record, uri.driver)))
    default:
      return createFramedCarrier(tap(transportFor(uri)))
  }
}

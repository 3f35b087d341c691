import { basename } from 'node:path'
import type { BlePlace } from '../ble/gatt-carrier.js'
import type { DeviceStream } from '../device-stream.js'
import { createReplayTransport } from '../emulator/replay-transport.js'
import { type DeviceUri, parseDeviceUri } from '../transport/device-uri.js'
import type { GattCarrier, GattProfile, Tap } from '../transport/gatt.js'
import { TransportError } from '../transport/transport-error.js'
import { transportFor } from '../transport/transport-for.js'
import { createAds1298Driver } from './ads1298.js'
import { CYTON_BAUD, createCytonDriver } from './cyton.js'
import type { Driver } from './driver.js'
import { createDriverDevice } from './driver-device.js'
import { type DriverOptions, readDriverOptions } from './driver-options.js'
import { createHealthyPiDriver } from './healthypi.js'
import { createMovesenseDriver, MOVESENSE_PROFILE } from './movesense.js'
import { createPolarH10Driver, POLAR_H10_PROFILE } from './polar-h10.js'
import { portName } from './port-name.js'

/** Reached by bytes on a serial port or TCP, or by a BLE profile. */
type Vendor = { create(options: DriverOptions): Driver } & (
  | { readonly baud: number }
  | { readonly profile: GattProfile }
)

/** USB CDC ports ignore it; behind a UART, 8 × 24 bit at 500 Hz need more than 115,200. */
const FAST_BAUD = 921_600

const VENDORS: ReadonlyMap<string, Vendor> = new Map<string, Vendor>([
  ['ads1298', { create: createAds1298Driver, baud: FAST_BAUD }],
  ['cyton', { create: createCytonDriver, baud: CYTON_BAUD }],
  ['healthypi', { create: createHealthyPiDriver, baud: FAST_BAUD }],
  ['movesense', { create: createMovesenseDriver, profile: MOVESENSE_PROFILE }],
  ['polar-h10', { create: createPolarH10Driver, profile: POLAR_H10_PROFILE }],
])

export const VENDOR_DRIVERS: readonly string[] = [...VENDORS.keys()]

/**
 * The device that a URI with one of these drivers names; undefined for any other driver. Throws a `TransportError` where the
 * URI is wrong.
 */
export function openVendorDevice(
  uri: string,
  openGatt: (place: BlePlace, profile: GattProfile) => GattCarrier,
  tap: Tap,
): DeviceStream | undefined {
  const [place = '', query = ''] = splitAtLast(uri, '?')
  const options = new URLSearchParams(query)
  const vendor = VENDORS.get(options.get('driver') ?? '')
  if (!vendor) return undefined
  const forCarrier = new URLSearchParams({ driver: options.get('driver')! })
  if ('baud' in vendor && place.startsWith('serial:'))
    forCarrier.set('baud', options.get('baud') ?? String(vendor.baud))
  const adapter = options.get('adapter')
  if ('profile' in vendor && adapter !== null) forCarrier.set('adapter', adapter)
  for (const name of forCarrier.keys()) options.delete(name)
  const parsed = parseDeviceUri(`${place}?${forCarrier}`)
  const driver = vendor.create(readDriverOptions(uri, options))

  if ('profile' in vendor) {
    const name = parsed.carrier === 'ble' ? parsed.address : parsed.carrier === 'replay' ? parsed.record : undefined
    if (name === undefined) throw unreachable(uri, driver, 'ble:ADDRESS')
    const carrier = tap(
      parsed.carrier === 'ble' ? openGatt(parsed, vendor.profile) : createReplayTransport(name, parsed.driver),
    )
    return createDriverDevice({ uri, carrier, driver, place: async () => carrier.address?.() ?? basename(name) })
  }
  if (parsed.carrier === 'ble') throw unreachable(uri, driver, 'serial:PORT or tcp:HOST:PORT')
  const carrier =
    parsed.carrier === 'replay' ? createReplayTransport(parsed.record, parsed.driver) : transportFor(parsed)
  return createDriverDevice({ uri, carrier: tap(carrier), driver, place: () => placeOf(parsed) })
}

async function placeOf(uri: Exclude<DeviceUri, { carrier: 'ble' }>): Promise<string> {
  switch (uri.carrier) {
    case 'serial':
      return portName(uri.path)
    case 'tcp':
      return `${uri.host}-${uri.port}`
    case 'replay':
      return basename(uri.record)
  }
}

function unreachable(uri: string, driver: Driver, form: string): TransportError {
  return new TransportError('device-uri', `"${uri}" does not name a device: ${driver.name} is reached by ${form}`)
}

function splitAtLast(text: string, mark: string): string[] {
  const at = text.lastIndexOf(mark)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

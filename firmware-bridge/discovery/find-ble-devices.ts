import { adapterNamed } from '../ble/adapter.js'
import type { HeardDevice } from '../ble/adapter-messages.js'
import type { AdapterName } from '../ble/adapter-name.js'
import { objectionToAdapter } from '../ble/adapter-objection.js'
import { defaultAdapter } from '../ble/default-adapter.js'
import { ECG_LINK_SERVICE } from '../ble/ecg-link-carrier.js'
import { DEFAULT_DRIVER } from '../transport/device-uri.js'
import type { FoundDevice } from './find-devices.js'

/** Devices advertise at least once a second, ms. */
const SCAN_FOR = 4_000

/** By the service that it advertises, without hyphens, or by its name: the sensors of two vendors advertise another service. */
const KNOWN: readonly { fits(device: HeardDevice): boolean; driver: string }[] = [
  { driver: DEFAULT_DRIVER, fits: ({ services }) => services.includes(ECG_LINK_SERVICE.replaceAll('-', '')) },
  { driver: 'polar-h10', fits: ({ name }) => /^Polar H10\b/.test(name ?? '') },
  { driver: 'movesense', fits: ({ name }) => /^Movesense\b/.test(name ?? '') },
]

/** ECG devices in reach, the nearest first. None where the system has no adapter and none was asked for. */
export async function findBleDevices(adapter: AdapterName = defaultAdapter()): Promise<FoundDevice[]> {
  if (objectionToAdapter(adapter)?.code === 'ble-adapter-missing' && adapter.by === 'kernel') return []
  const heard = await adapterNamed(adapter).scan(SCAN_FOR)
  return heard.toSorted((a, b) => b.rssi - a.rssi).flatMap(describe)
}

function describe(device: HeardDevice): FoundDevice[] {
  const driver = KNOWN.find(known => known.fits(device))?.driver
  if (!driver) return []
  const address = device.address.toUpperCase()
  const uri = `ble:${address}${driver === DEFAULT_DRIVER ? '' : `?driver=${driver}`}`
  const name = device.name ?? 'BLE device'
  return [{ carrier: 'ble', place: address, name, serialNumber: undefined, usbId: undefined, driver, uri }]
}

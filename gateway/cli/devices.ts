import { Command } from 'commander'
import { findBleDevices } from '../../firmware-bridge/discovery/find-ble-devices.js'
import { type DeviceFinder, type FoundDevice, findSerialDevices } from '../../firmware-bridge/discovery/find-devices.js'
import { formatTable } from './format-table.js'

/** One for each carrier that can be searched. */
const FINDERS: readonly DeviceFinder[] = [() => findSerialDevices(), () => findBleDevices()]

/** `ecgclip devices`: what is plugged in, and what to write after `--device`. */
export function devicesCommand(): Command {
  return new Command('devices')
    .description('serial ports and BLE devices, with the driver that fits')
    .option('--json', 'one JSON array')
    .action(async ({ json }: { json?: boolean }) => {
      const searches = await Promise.allSettled(FINDERS.map(find => find()))
      const devices = searches.flatMap(search => (search.status === 'fulfilled' ? search.value : []))
      for (const search of searches)
        if (search.status === 'rejected') process.stderr.write(`ecgclip: ${(search.reason as Error).message}\n`)
      process.stdout.write(json ? `${JSON.stringify(devices)}\n` : asText(devices))
    })
}

function asText(devices: readonly FoundDevice[]): string {
  if (devices.length === 0) return 'No device was found: plug one in, and see that its driver is loaded (dmesg).\n'
  const rows = devices.map(({ name, place, usbId, serialNumber, driver, uri }) =>
    [name, place, usbId, serialNumber, driver, uri].map(cell => cell ?? '–'),
  )
  return formatTable(['device', 'port', 'USB', 'serial number', 'driver', '--device'], rows)
}

import type { BindingType, Noble, WithBindingsOptions } from '@stoprocent/noble'
import type { AdapterName } from './adapter-name.js'
import { watchHci } from './watch-hci.js'

type WithBindings = (type: BindingType | 'dbus', options?: WithBindingsOptions & { adapterId?: string }) => Noble

/** Noble on the adapter of that name, not yet started. Only here is any of it loaded. `failed`: the adapter is no good any more. */
export async function loadNoble(name: AdapterName, failed: (reason: string) => void): Promise<Noble> {
  // Without a scan response noble would wait for a second advertisement, and a device that sends none is heard late or never.
  process.env.NOBLE_REPORT_ALL_HCI_EVENTS = '1'
  try {
    if (name.by !== 'bluez') await watchHci(failed)
    const { withBindings } = (await import('@stoprocent/noble')) as unknown as { withBindings: WithBindings }
    switch (name.by) {
      case 'kernel':
        return name.device === undefined ? withBindings('default') : withBindings('hci', { deviceId: name.device })
      case 'bluez':
        await import('dbus-next' as string)
        return withBindings('dbus', name.device === undefined ? {} : { adapterId: name.device })
      case 'uart': {
        const uart = { port: name.path, baudRate: name.baud }
        return withBindings('hci', { hciDriver: 'uart', bindParams: { uart, usb: undefined } })
      }
    }
  } catch (error) {
    const advice = name.by === 'bluez' ? 'install dbus-next beside the gateway (docs/ble.md)' : 'install it again'
    throw new Error(`the Bluetooth library cannot be loaded (${(error as Error).message}): ${advice}`)
  }
}

/** Which Bluetooth adapter to use, and through whom. */
export type AdapterName =
  /** The kernel's HCI socket; `device` is the number in hci0, and without it the first adapter that is up. */
  | { readonly by: 'kernel'; readonly device?: number }
  /** BlueZ over D-Bus, which shares the adapter with the rest of the system; `device`: "hci0". */
  | { readonly by: 'bluez'; readonly device?: string }
  /** A controller that speaks HCI (H4) on a serial port. */
  | { readonly by: 'uart'; readonly path: string; readonly baud: number }

export const ADAPTER_FORMS = 'hci0, dbus, dbus:hci0 or uart:/dev/ttyACM0@1000000'

/** What Zephyr's and noble's HCI over UART begin with. */
const DEFAULT_BAUD = 1_000_000

/** Undefined where the text is none of `ADAPTER_FORMS`; an empty one leaves the choice to the system. */
export function parseAdapterName(text: string): AdapterName | undefined {
  if (text === '') return { by: 'kernel' }
  const [, number] = /^hci(\d{1,3})$/.exec(text) ?? []
  if (number) return { by: 'kernel', device: Number(number) }
  const [bus, device] = /^dbus(?::(hci\d{1,3}))?$/.exec(text) ?? []
  if (bus) return device ? { by: 'bluez', device } : { by: 'bluez' }
  const [, path, baud] = /^uart:(.+?)(?:@(\d{1,8}))?$/.exec(text) ?? []
  if (path) return { by: 'uart', path, baud: Number(baud ?? DEFAULT_BAUD) }
  return undefined
}

/** For sentences: "the Bluetooth adapter hci0". */
export function describeAdapter(name: AdapterName): string {
  if (name.by === 'uart') return `the Bluetooth adapter on ${name.path}`
  const device = name.by === 'kernel' && name.device !== undefined ? `hci${name.device}` : name.device
  return device === undefined ? 'the Bluetooth adapter' : `the Bluetooth adapter ${device}`
}

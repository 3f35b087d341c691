import { DEFAULT_DRIVER } from '../transport/device-uri.js'
import { knownDevice } from './known-devices.js'
import { listSerialPorts, type SerialPortFound, type UsbPort } from './serial-ports.js'

/** Something that may be an ECG device, whatever its carrier. */
export interface FoundDevice {
  readonly carrier: 'serial' | 'ble'
  /** Port or address. */
  readonly place: string
  readonly name: string
  /** What identifies it for its life; undefined where it has nothing of the kind. */
  readonly serialNumber: string | undefined
  /** USB vendor and product, "vvvv:pppp". */
  readonly usbId: string | undefined
  /** The driver that fits what is known; undefined where nothing is. */
  readonly driver: string | undefined
  /** For `--device`. */
  readonly uri: string
}

/** Looks for devices on one carrier. Rejects with an `EcgclipError` that says how to mend the carrier. */
export type DeviceFinder = () => Promise<readonly FoundDevice[]>

export async function findSerialDevices(sys?: string): Promise<FoundDevice[]> {
  const ports = await listSerialPorts(sys)
  return ports.map(port => describe(port, ports))
}

function describe({ path, usb }: SerialPortFound, ports: readonly SerialPortFound[]): FoundDevice {
  const common = { carrier: 'serial', place: path } as const
  if (!usb) {
    const uri = `serial:${path}`
    return { ...common, name: 'built-in UART', serialNumber: undefined, usbId: undefined, driver: undefined, uri }
  }
  const { name, driver } = knownDevice(usb)
  const uri = `serial:${lastingName(usb, ports) ?? path}${driver === DEFAULT_DRIVER ? '' : `?driver=${driver}`}`
  const { serialNumber, vendorId, productId } = usb
  return { ...common, name: usb.product ?? name, serialNumber, usbId: `${vendorId}:${productId}`, driver, uri }
}

/** The name that stays with the device at every socket, where it has a serial number of its own. */
function lastingName(usb: UsbPort, ports: readonly SerialPortFound[]): string | undefined {
  const { serialNumber, socket, interfaceNumber } = usb
  if (serialNumber === undefined || !/^[\w.:-]+$/.test(serialNumber)) return undefined
  const namesakes = ports.filter(other => other.usb?.serialNumber === serialNumber)
  if (namesakes.some(other => other.usb!.socket !== socket)) return undefined
  const interfaces = namesakes.length > 1 ? `-if${interfaceNumber.toString(16).padStart(2, '0')}` : ''
  return `usb-${serialNumber}${interfaces}`
}

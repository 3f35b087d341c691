import { readdir, readFile, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { SerialPort } from 'serialport'

/** A serial port that exists now. */
export interface SerialPortFound {
  /** What to open, e.g. `/dev/ttyACM0`. Another one after the next plugging, perhaps. */
  readonly path: string
  /** Undefined for a UART of the board itself. */
  readonly usb: UsbPort | undefined
}

/** What the USB device behind a port says of itself; it is the same at every socket. */
export interface UsbPort {
  /** Four hexadecimal digits, lower case. */
  readonly vendorId: string
  readonly productId: string
  readonly serialNumber: string | undefined
  readonly manufacturer: string | undefined
  readonly product: string | undefined
  /** Which of the device's interfaces the port is; one device may have several ports. */
  readonly interfaceNumber: number
  /** Socket in which it is, e.g. "1-1.2": tells two devices of one make apart while they are plugged. */
  readonly socket: string
}

/** `TTY_PORT_UNKNOWN`: a PC announces UARTs that it does not have (Linux, serial_core.h, PORT_UNKNOWN). */
const NO_UART = '0'

/**
 * Every serial port. On Linux straight from sysfs, because serialport's own list needs `udevadm`, which containers lack.
 * `sys`: where sysfs is mounted.
 */
export async function listSerialPorts(sys?: string): Promise<SerialPortFound[]> {
  return process.platform === 'linux' ? portsInSysfs(sys ?? '/sys') : portsOfSystem()
}

async function portsInSysfs(sys: string): Promise<SerialPortFound[]> {
  const folder = join(sys, 'class/tty')
  const names = await readdir(folder).catch((): string[] => [])
  const ports = await Promise.all(names.map(name => portAt(join(folder, name), sys)))
  return ports.filter(port => port !== undefined).sort((a, b) => a.path.localeCompare(b.path, 'en', { numeric: true }))
}

/** Undefined where there is no hardware behind the name: consoles, the ends of pseudo-terminals. */
async function portAt(folder: string, sys: string): Promise<SerialPortFound | undefined> {
  const device = await realpath(join(folder, 'device')).catch(() => undefined)
  if (device === undefined || (await attribute(folder, 'type')) === NO_UART) return undefined
  return { path: `/dev/${basename(folder).replaceAll('!', '/')}`, usb: await usbAbove(device, await realpath(sys)) }
}

/** A port's device lies below its USB interface, and that below the USB device. */
async function usbAbove(device: string, sys: string): Promise<UsbPort | undefined> {
  let interfaceNumber = 0
  for (let folder = device; folder.startsWith(`${sys}/`); folder = dirname(folder)) {
    const ofInterface = await attribute(folder, 'bInterfaceNumber')
    if (ofInterface !== undefined) interfaceNumber = Number.parseInt(ofInterface, 16)
    const vendorId = await attribute(folder, 'idVendor')
    if (vendorId === undefined) continue
    const [productId = '', serialNumber, manufacturer, product] = await Promise.all(
      ['idProduct', 'serial', 'manufacturer', 'product'].map(name => attribute(folder, name)),
    )
    return { vendorId, productId, serialNumber, manufacturer, product, interfaceNumber, socket: basename(folder) }
  }
  return undefined
}

async function attribute(folder: string, name: string): Promise<string | undefined> {
  const text = await readFile(join(folder, name), 'utf8').catch(() => '') // absent, or unplugged this moment
  return text.trim() || undefined
}

async function portsOfSystem(): Promise<SerialPortFound[]> {
  const ports = await SerialPort.list()
  return ports.map(({ path, vendorId, productId, serialNumber, manufacturer, locationId }) => ({
    path,
    usb:
      vendorId === undefined
        ? undefined
        : {
            vendorId: vendorId.toLowerCase(),
            productId: productId?.toLowerCase() ?? '',
            serialNumber,
            manufacturer,
            product: undefined,
            interfaceNumber: 0,
            socket: locationId ?? path,
          },
  }))
}

import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

export interface FakeUsb {
  readonly vendorId: string
  readonly productId: string
  readonly serial?: string
  readonly product?: string
  readonly interfaceNumber?: string
  /** A driver that puts a folder of its own between interface and port, as USB bridges do and CDC does not. */
  readonly bridge?: boolean
}

/** A folder laid out as the kernel lays out sysfs for USB serial ports (Documentation/ABI/stable/sysfs-bus-usb). */
export function fakeSysfs(root: string) {
  const classes = join(root, 'class/tty')
  mkdirSync(classes, { recursive: true })

  function put(folder: string, attributes: Record<string, string | undefined>) {
    mkdirSync(folder, { recursive: true })
    for (const [name, value] of Object.entries(attributes))
      if (value !== undefined) writeFileSync(join(folder, name), `${value}\n`)
  }

  function link(at: string, target: string) {
    symlinkSync(relative(dirname(at), target), at)
  }

  /** `name` as in /dev, e.g. "ttyACM0" or "pts/4". */
  function plug(name: string, socket: string, usb: FakeUsb) {
    const tty = name.replaceAll('/', '!')
    const device = join(root, 'devices/usb1', socket)
    const number = usb.interfaceNumber ?? '00'
    const face = join(device, `${socket}:1.${Number.parseInt(number, 16)}`)
    const { vendorId, productId, serial, product } = usb
    put(device, { idVendor: vendorId, idProduct: productId, serial, product, manufacturer: 'Maker' })
    put(face, { bInterfaceNumber: number })
    const parent = usb.bridge ? join(face, tty) : face
    const port = join(parent, 'tty', tty)
    put(port, {})
    link(join(port, 'device'), parent)
    link(join(classes, tty), port)
  }

  function unplug(name: string, socket: string) {
    rmSync(join(classes, name.replaceAll('/', '!')))
    rmSync(join(root, 'devices/usb1', socket), { recursive: true })
  }

  /** A UART of the board, or, with type 0, one that is announced and not there. */
  function uart(name: string, type: string) {
    const device = join(root, 'devices/platform', name)
    put(device, {})
    const port = join(device, 'tty', name)
    put(port, { type })
    link(join(port, 'device'), device)
    link(join(classes, name), port)
  }

  /** A terminal without hardware. */
  function terminal(name: string) {
    put(join(root, 'devices/virtual/tty', name), {})
    link(join(classes, name), join(root, 'devices/virtual/tty', name))
  }

  return { plug, unplug, uart, terminal }
}

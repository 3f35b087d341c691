import { TransportError } from '../transport/transport-error.js'
import type { SerialPortFound, UsbPort } from './serial-ports.js'

/** A port that is named by what is plugged in, not by where: `usb-SERIAL`, `usb-VVVV:PPPP`, and `…-ifNN` for one of several. */
const NAME = /^usb-(.+?)(?:-if([0-9a-f]{2}))?$/

export function isPortName(path: string): boolean {
  return NAME.test(path)
}

/** Throws a `TransportError` where it is not plugged in, or where two devices answer to the name: one patient is not another. */
export function portByName(name: string, ports: readonly SerialPortFound[]): SerialPortFound {
  const [, wanted = '', ofInterface] = NAME.exec(name) ?? []
  const found = ports.filter(({ usb }) => usb && answersTo(usb, wanted, ofInterface))
  const first = found.sort((a, b) => a.usb!.interfaceNumber - b.usb!.interfaceNumber)[0]
  if (!first) {
    const advice = 'plug it in, or correct the name (ecgclip devices lists what is there)'
    throw new TransportError('port-missing', `no USB serial device ${wanted} is plugged in: ${advice}`)
  }
  if (found.some(({ usb }) => usb!.socket !== first.usb!.socket)) {
    const places = found.map(({ path }) => path).join(' and ')
    throw new TransportError('port-ambiguous', `${wanted} names ${places}: unplug one, or name the port by its path`)
  }
  return first
}

function answersTo(usb: UsbPort, wanted: string, ofInterface: string | undefined): boolean {
  if (ofInterface !== undefined && Number.parseInt(ofInterface, 16) !== usb.interfaceNumber) return false
  return usb.serialNumber === wanted || `${usb.vendorId}:${usb.productId}` === wanted.toLowerCase()
}

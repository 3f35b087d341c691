import { DEFAULT_DRIVER } from '../transport/device-uri.js'
import type { UsbPort } from './serial-ports.js'

/** What usually lies behind a USB identity. */
export interface KnownDevice {
  readonly vendorId?: string
  readonly productId?: string
  /** What the device calls itself; for chips that many products share. */
  readonly product?: RegExp
  readonly name: string
  readonly driver: string
}

/**
 * The first that fits counts. Sources: the firmware of each product (Protocentral/protocentral_healthypi5_zephyr, prj.conf:
 * VID 4440), OpenBCI's page on its dongle (FT231X), and the USB ID repository for the bridges.
 */
const KNOWN_DEVICES: readonly KnownDevice[] = [
  { vendorId: '0403', productId: '6015', name: 'OpenBCI dongle (FT231X)', driver: 'cyton' },
  { product: /healthypi/i, name: 'ProtoCentral HealthyPi 5', driver: 'healthypi' },
  { vendorId: '1158', productId: '0001', name: 'ProtoCentral HealthyPi 5', driver: 'healthypi' },
  { vendorId: '2e8a', name: 'RP2040 board', driver: 'healthypi' },
  { vendorId: '0483', productId: '5740', name: 'STM32 virtual COM port', driver: DEFAULT_DRIVER },
  { vendorId: '0483', name: 'ST-LINK virtual COM port', driver: DEFAULT_DRIVER },
  { vendorId: '1366', name: 'SEGGER J-Link virtual COM port', driver: DEFAULT_DRIVER },
  { vendorId: '0403', name: 'FTDI USB bridge', driver: DEFAULT_DRIVER },
  { vendorId: '10c4', name: 'Silicon Labs USB bridge', driver: DEFAULT_DRIVER },
  { vendorId: '1a86', name: 'WCH USB bridge', driver: DEFAULT_DRIVER },
  { name: 'USB serial device', driver: DEFAULT_DRIVER },
]

export function knownDevice(usb: UsbPort): KnownDevice {
  return KNOWN_DEVICES.find(
    ({ vendorId, productId, product }) =>
      (vendorId === undefined || vendorId === usb.vendorId) &&
      (productId === undefined || productId === usb.productId) &&
      (product === undefined || product.test(usb.product ?? '')),
  )!
}

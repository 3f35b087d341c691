import { type BlePlace, createGattCarrier } from '../../ble/gatt-carrier.js'
import type { SmpCarrier } from './smp-carrier.js'
import { smpLength } from './smp-message.js'

/** Zephyr, "SMP transport specification", Bluetooth. */
export const SMP_SERVICE = '8d53dc1d-1db7-4cd3-868b-8a527460aa84'
const SMP_CHARACTERISTIC = 'da2e7828-fbce-4e01-ae9e-261174997c48'
const ATT_HEADER = 3
/** What every link has (Bluetooth Core, Vol 3, Part F, 3.2.8), where the system does not tell. */
const LEAST_MTU = 23
const MAX_MESSAGE_BYTES = 64 * 1024

/** The BLE SMP service: writes without response and notifications, a message over as many as it needs. */
export function createBleSmpCarrier(place: BlePlace): SmpCarrier {
  const gatt = createGattCarrier(place, { service: SMP_SERVICE, notify: [SMP_CHARACTERISTIC], unacknowledged: true })
  const room = () => (gatt.radio()?.mtu ?? LEAST_MTU) - ATT_HEADER
  return {
    name: 'the Bluetooth SMP service',
    open(listener) {
      let pending = Buffer.alloc(0)
      return gatt.open({
        bytes(part) {
          pending = Buffer.concat([pending, part])
          const length = smpLength(pending)
          if (length === undefined || pending.length < length) return
          // A notification never holds two messages: what is over does not belong to this one.
          if (length <= MAX_MESSAGE_BYTES) listener.message(pending.subarray(0, length))
          pending = Buffer.alloc(0)
        },
        closed: reason => listener.closed(reason),
      })
    },
    send(message) {
      for (let from = 0; from < message.length; from += room())
        gatt.write(message.subarray(from, from + room()), SMP_CHARACTERISTIC)
    },
    close: () => gatt.close(),
    limit: serverBuffer => Math.max(serverBuffer ?? 0, room()),
  }
}

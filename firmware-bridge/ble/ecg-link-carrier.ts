import type { Tap } from '../transport/gatt.js'
import type { PacketCarrier } from '../transport/packet-carrier.js'
import { type BlePlace, createGattCarrier } from './gatt-carrier.js'

// spec/ecg-link.md, Carriers, BLE GATT.
export const ECG_LINK_SERVICE = '7e0c0001-5ec6-4c1b-9d3a-0ec91b9a7e01'
const FROM_DEVICE = '7e0c0002-5ec6-4c1b-9d3a-0ec91b9a7e01'
const TO_DEVICE = '7e0c0003-5ec6-4c1b-9d3a-0ec91b9a7e01'
const LEAST_MTU = 64

/** ECG Link on BLE: one packet is one notification or one write without response, without COBS. */
export function createBleEcgLinkCarrier(place: BlePlace, tap: Tap = carrier => carrier): PacketCarrier {
  const carrier = createGattCarrier(place, {
    service: ECG_LINK_SERVICE,
    notify: [FROM_DEVICE],
    leastMtu: LEAST_MTU,
    unacknowledged: true,
  })
  const gatt = tap(carrier)
  return {
    open: listener =>
      gatt.open({
        bytes(packet, arrived) {
          listener.bytes(packet.length)
          listener.packet(packet, arrived)
        },
        closed: reason => listener.closed(reason),
      }),
    send: packet => gatt.write(packet, TO_DEVICE),
    close: () => gatt.close(),
    radio: () => gatt.radio?.(),
  }
}

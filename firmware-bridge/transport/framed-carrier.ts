import { Microseconds } from '../../ecg/units.js'
import { encodeFrame } from '../link/cobs.js'
import { createFramer } from '../link/framer.js'
import type { PacketCarrier } from './packet-carrier.js'
import type { Transport } from './transport.js'

/** Packets as COBS frames on a carrier of bytes (spec/ecg-link.md, Carriers). */
export function createFramedCarrier(transport: Transport): PacketCarrier {
  return {
    open(listener) {
      let arrived = Microseconds(0)
      const framer = createFramer({
        frame: packet => listener.packet(packet, arrived),
        badFrame: () => listener.badFrame(),
      })
      return transport.open({
        bytes(bytes, at) {
          arrived = at
          listener.bytes(bytes.length)
          framer.push(bytes)
        },
        closed: reason => listener.closed(reason),
      })
    },
    send: packet => transport.write(encodeFrame(packet)),
    close: () => transport.close(),
  }
}

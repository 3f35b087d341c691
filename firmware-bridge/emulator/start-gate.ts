import { createFramer } from '../link/framer.js'
import { decodeHello } from '../link/hello.js'
import { decodePacket, type Packet, PacketType } from '../link/packet.js'

/**
 * What makes a host lose nothing of a recorded ECG Link stream: no device sends samples before START, so a played one may not
 * either, however long this host takes (spec/ecg-link.md, Behaviour 1).
 */
export interface StartGate {
  /** The next bytes to be played, each exactly once. Answers whether they must wait for the host. */
  closedFor(bytes: Uint8Array): boolean
  host(bytes: Uint8Array): void
  readonly open: boolean
}

export function createStartGate(): StartGate {
  let boot: number | undefined
  let open = false
  let samples = false

  const device = watch(packet => {
    if (packet.type === PacketType.Samples) samples = true
    if (packet.type !== PacketType.Hello) return
    const hello = decodeHello(packet.payload)
    if (!hello || hello.boot === boot) return
    boot = hello.boot
    open = false
  })
  const host = watch(packet => {
    if (packet.type === PacketType.Start) open = true
  })

  return {
    closedFor(bytes) {
      samples = false
      device.push(bytes)
      return samples && !open
    },
    host: bytes => host.push(bytes),
    get open() {
      return open
    },
  }
}

function watch(seen: (packet: Packet) => void) {
  return createFramer({
    frame(bytes) {
      const packet = decodePacket(bytes)
      if (typeof packet === 'object') seen(packet)
    },
    badFrame: () => {},
  })
}

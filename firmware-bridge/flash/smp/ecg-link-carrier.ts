import { setTimeout as sleep } from 'node:timers/promises'
import { AckStatus, decodeAck } from '../../link/acknowledgement.js'
import { decodeHello, type Hello } from '../../link/hello.js'
import {
  CRC_BYTES,
  decodePacket,
  encodePacket,
  HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  PacketType,
} from '../../link/packet.js'
import { monotonicNow } from '../../transport/monotonic-now.js'
import type { PacketCarrier } from '../../transport/packet-carrier.js'
import type { SmpCarrier } from './smp-carrier.js'

const ATT_HEADER = 3
/** Behaviour 1 of spec/ecg-link.md, ms. */
const HELLO_EVERY = 500
const START_EVERY = 1_000

/** SMP in ECG Link packets of type 0x50, beside the stream, which it can pause. */
export interface EcgLinkSmpCarrier extends SmpCarrier {
  /** Asks the device who it is; undefined where nobody answers in time. */
  hello(withinMs: number): Promise<Hello | undefined>
  /** Samples have come since the carrier was opened, or since `pause`. */
  streaming(): boolean
  pause(): void
  /** Asks for the stream, and tells whether it came. */
  resume(withinMs: number): Promise<boolean>
}

export function createEcgLinkSmpCarrier(carrier: PacketCarrier): EcgLinkSmpCarrier {
  let sequence = 0
  let hello: Hello | undefined
  let samples = 0
  let unsupported: (() => void) | undefined

  const send = (type: number, payload?: Uint8Array) =>
    carrier.send(encodePacket(type, sequence++, monotonicNow(), payload))

  /** Looks every few milliseconds, and asks as often as the protocol has it. */
  async function ask<T>(
    type: number,
    every: number,
    withinMs: number,
    answer: () => T | undefined,
  ): Promise<T | undefined> {
    const LOOK = 10
    for (let passed = 0; passed < withinMs; passed += LOOK) {
      if (passed % every === 0) send(type)
      await sleep(LOOK)
      const found = answer()
      if (found !== undefined) return found
    }
    return undefined
  }

  return {
    name: 'SMP in ECG Link',
    async open(listener) {
      hello = undefined
      samples = 0
      unsupported = () =>
        listener.closed('the device speaks ECG Link, but has no firmware update in it (no "smp" in its HELLO)')
      await carrier.open({
        bytes() {},
        badFrame() {},
        packet(bytes) {
          const packet = decodePacket(bytes)
          if (typeof packet !== 'object') return
          if (packet.type === PacketType.Smp) listener.message(packet.payload)
          else if (packet.type === PacketType.Samples) samples++
          else if (packet.type === PacketType.Hello) hello = decodeHello(packet.payload) ?? hello
          else if (packet.type === PacketType.Ack) {
            const ack = decodeAck(packet.payload)
            if (ack?.type === PacketType.Smp && ack.status === AckStatus.Unsupported) unsupported?.()
          }
        },
        closed: reason => listener.closed(reason),
      })
    },
    send: message => {
      if (message.length <= MAX_PAYLOAD_BYTES) send(PacketType.Smp, message)
    },
    close() {
      unsupported = undefined
      return carrier.close()
    },
    limit(serverBuffer = MAX_PAYLOAD_BYTES) {
      const mtu = carrier.radio?.()?.mtu
      const room = mtu === undefined ? MAX_PAYLOAD_BYTES : mtu - ATT_HEADER - HEADER_BYTES - CRC_BYTES
      return Math.min(serverBuffer, room, MAX_PAYLOAD_BYTES)
    },
    hello: withinMs => ask(PacketType.HelloRequest, HELLO_EVERY, withinMs, () => hello),
    streaming: () => samples > 0,
    pause() {
      send(PacketType.Stop)
      samples = 0
    },
    async resume(withinMs) {
      samples = 0
      return (await ask(PacketType.Start, START_EVERY, withinMs, () => (samples > 0 ? true : undefined))) ?? false
    },
  }
}

import { Microseconds } from '../../../ecg/units.js'
import { noneCounted, type SampleBlock } from '../../../firmware-bridge/device-stream.js'
import { encodeHello, type Hello } from '../../../firmware-bridge/link/hello.js'
import { createHostSession } from '../../../firmware-bridge/link/host-session.js'
import { decodePacket, encodePacket, type Packet, PacketType } from '../../../firmware-bridge/link/packet.js'
import { encodeSamples } from '../../../firmware-bridge/link/samples.js'

export const HELLO: Hello = {
  id: 'scripted',
  model: 'm',
  firmware: '1.0.0',
  boot: 1,
  rateMilliHz: 500_000,
  lsbPicovolts: 1_000_000,
  leads: ['I', 'II'],
  retain: 5000,
  capabilities: ['resend'],
}

const STEP = 10_000

/** A host session whose device does nothing but what the test says. */
export function scriptedDevice() {
  const counters = noneCounted()
  const states: string[] = []
  const identities: string[] = []
  const events: string[] = []
  const reopens: string[] = []
  const blocks: Pick<SampleBlock, 'first' | 'count'>[] = []
  const sent: (Packet & { readonly at: number })[] = []
  let now = 5_000_000
  let sequence = 0
  const host = createHostSession(
    {
      identified(identity) {
        identities.push(`${identity.id} boot ${identity.boot}`)
        device.onIdentified()
      },
      samples: ({ first, count }) => blocks.push({ first, count }),
      state: (state, reason) => states.push(`${state}: ${reason}`),
      status: status => events.push(JSON.stringify(status)),
      event: (kind, sample) => events.push(`${kind} at ${sample}`),
      reopen: reason => reopens.push(reason),
      send: bytes => sent.push({ ...(decodePacket(bytes) as Packet), at: now }),
    },
    counters,
  )

  function wait(seconds: number) {
    const end = now + seconds * 1e6
    while (now < end) {
      now += STEP
      host.tick(Microseconds(now))
    }
  }

  function send(
    type: number,
    payload: Uint8Array = new Uint8Array(0),
    options: { sequence?: number; time?: number } = {},
  ) {
    host.packet(
      encodePacket(type, options.sequence ?? sequence++, Microseconds(options.time ?? now - 4_000_000), payload),
      Microseconds(now),
    )
  }

  function samples(first: number, count: number, options: { channels?: number; time?: number; again?: boolean } = {}) {
    const channels = options.channels ?? HELLO.leads.length
    const values = new Int32Array(count * channels)
    const block = {
      first,
      count,
      channels,
      electrodesOff: 0,
      retransmission: options.again ?? false,
      saturated: false,
      values,
    }
    send(PacketType.Samples, encodeSamples(block, 2), { time: options.time ?? 1_000_000 + first * 2_000 })
  }

  const device = {
    onIdentified: () => {},
    host,
    counters,
    states,
    identities,
    events,
    reopens,
    blocks,
    sent,
    get now() {
      return Microseconds(now)
    },
    wait,
    send,
    samples,
    open: () => host.opened(Microseconds(now)),
    hello: (change: Partial<Hello> = {}) => send(PacketType.Hello, encodeHello({ ...HELLO, ...change })),
    /** Brings it to the point where samples may come. */
    streaming(change: Partial<Hello> = {}) {
      host.opened(Microseconds(now))
      device.hello(change)
      wait(0.02)
    },
    sentOf: (type: number) => sent.filter(packet => packet.type === type),
  }
  return device
}

import { Microseconds, type SampleIndex } from '../../ecg/units.js'
import {
  type DeviceEventKind,
  type DeviceIdentity,
  type DeviceStatus,
  type LinkCounters,
  noneCounted,
} from '../../firmware-bridge/device-stream.js'
import { createDeviceSession, type DeviceSession } from '../../firmware-bridge/emulator/device-session.js'
import { createFaultyLine, type Faults } from '../../firmware-bridge/emulator/faulty-line.js'
import { type VirtualDeviceOptions, withDefaults } from '../../firmware-bridge/emulator/virtual-device.js'
import { encodeFrame } from '../../firmware-bridge/link/cobs.js'
import { createFramer } from '../../firmware-bridge/link/framer.js'
import { createHostSession, type HostSession } from '../../firmware-bridge/link/host-session.js'
import { decodePacket, type Packet } from '../../firmware-bridge/link/packet.js'
import { countingValue } from './counting-source.js'

/** What a listener was told, in order. */
export type Told =
  | { kind: 'identified'; identity: DeviceIdentity }
  | { kind: 'state'; state: string; reason: string }
  | { kind: 'status'; status: DeviceStatus }
  | { kind: 'event'; event: DeviceEventKind; sample: SampleIndex }
  | { kind: 'reopen'; reason: string }

export interface LinkOptions {
  readonly device?: Partial<VirtualDeviceOptions>
  readonly toHost?: Faults
  readonly toDevice?: Faults
  /** One-way delays, µs. */
  readonly delayToHost?: () => number
  readonly delayToDevice?: () => number
}

export interface SimulatedLink {
  readonly host: HostSession
  readonly device: DeviceSession
  readonly counters: LinkCounters
  readonly told: Told[]
  /** Packets that the host sent, with their time. */
  readonly sent: { readonly packet: Packet; readonly at: number }[]
  /** Bytes that reached the host, in order. */
  readonly received: Uint8Array[]
  /** How often each sample was delivered; wrong values throw. */
  readonly delivered: Map<number, number>
  readonly now: Microseconds
  /** The carrier is cut (nothing passes) or mended. */
  cut(isCut: boolean): void
  /** Bytes for the host from elsewhere. */
  inject(bytes: Uint8Array): void
  run(seconds: number): void
}

const STEP = 5_000
/** Simulated time begins here, so that nothing depends on zero. */
const BEGIN = 1_000_000_000

/** Host session and device session over a line with delays and faults, in simulated time. */
export function simulateLink(source: VirtualDeviceOptions['source'], options: LinkOptions = {}): SimulatedLink {
  let now = BEGIN
  let isCut = false
  const later: { at: number; act: () => void }[] = []
  const told: Told[] = []
  const sent: { packet: Packet; at: number }[] = []
  const received: Uint8Array[] = []
  const delivered = new Map<number, number>()
  const counters = noneCounted()
  const schedule = (delay: number, act: () => void) => {
    const at = now + delay
    let i = later.length
    while (i > 0 && later[i - 1]!.at > at) i--
    later.splice(i, 0, { at, act })
  }

  const hostFramer = createFramer({
    frame: packet => host.packet(packet, Microseconds(now)),
    badFrame: () => host.badFrame(),
  })
  const deviceFramer = createFramer({
    frame: packet => device.packet(packet, Microseconds(now)),
    badFrame: () => {},
  })
  const inject = (bytes: Uint8Array) => {
    counters.bytes += bytes.length
    received.push(bytes)
    hostFramer.push(bytes)
  }
  const toHost = createFaultyLine(options.toHost ?? { seed: 1 }, bytes => {
    if (!isCut) schedule(options.delayToHost?.() ?? 1_000, () => inject(bytes))
  })
  const toDevice = createFaultyLine(options.toDevice ?? { seed: 2 }, bytes => {
    if (!isCut) schedule(options.delayToDevice?.() ?? 1_000, () => deviceFramer.push(bytes))
  })

  const host: HostSession = createHostSession(
    {
      identified: identity => told.push({ kind: 'identified', identity }),
      state: (state, reason) => told.push({ kind: 'state', state, reason }),
      status: status => told.push({ kind: 'status', status }),
      event: (event, sample) => told.push({ kind: 'event', event, sample }),
      reopen: reason => told.push({ kind: 'reopen', reason }),
      send(bytes) {
        sent.push({ packet: decodePacket(bytes) as Packet, at: now })
        toDevice(encodeFrame(bytes))
      },
      samples({ first, count, channels, values }) {
        for (let s = 0; s < count; s++) {
          delivered.set(first + s, (delivered.get(first + s) ?? 0) + 1)
          for (let c = 0; c < channels; c++) {
            const value = values[s * channels + c]
            if (value !== countingValue(first + s, c)) throw new Error(`sample ${first + s}, channel ${c} is ${value}`)
          }
        }
      },
    },
    counters,
  )
  const device = createDeviceSession(withDefaults({ boot: 1, ...options.device, source }), Microseconds(now), packet =>
    toHost(encodeFrame(packet)),
  )

  function run(seconds: number) {
    const end = now + seconds * 1e6
    for (let tick = now; tick <= end; tick += STEP) {
      while (later[0] && later[0].at <= tick) {
        const { at, act } = later.shift()!
        now = at
        act()
      }
      now = tick
      device.tick(Microseconds(now))
      host.tick(Microseconds(now))
    }
  }

  return {
    host,
    device,
    counters,
    told,
    sent,
    received,
    delivered,
    get now() {
      return Microseconds(now)
    },
    cut(cutNow) {
      isCut = cutNow
    },
    inject,
    run,
  }
}

import { Microseconds, type SampleIndex } from '../../../ecg/units.js'
import {
  type DeviceIdentity,
  type DeviceState,
  type LinkCounters,
  noneCounted,
} from '../../../firmware-bridge/device-stream.js'
import type { Driver } from '../../../firmware-bridge/devices/driver.js'
import { type DriverOptions, readDriverOptions } from '../../../firmware-bridge/devices/driver-options.js'
import { createDriverSession } from '../../../firmware-bridge/devices/driver-session.js'
import type { HostTime } from '../../../firmware-bridge/link/sample-clock.js'

export const driverOptions = (text = ''): DriverOptions => readDriverOptions('serial:/dev/x', new URLSearchParams(text))

const TICK = 25_000

/** A driver with its session, in simulated time, and everything that it tells. */
export interface Rig {
  readonly identities: DeviceIdentity[]
  readonly states: { state: DeviceState; reason: string }[]
  /** Values of each sample, by its number. */
  readonly samples: Map<number, number[]>
  readonly electrodesOff: Map<number, number>
  readonly saturated: Set<number>
  readonly sent: { text: string; hex: string; characteristic: string | undefined; at: number }[]
  readonly counters: LinkCounters
  readonly reopens: number
  now: Microseconds
  state(): DeviceState | undefined
  reason(): string
  /** Called with each command. */
  onSend?: (command: Uint8Array) => void
  /** Time passes, with its ticks. */
  pass(microseconds: number): void
  give(bytes: Uint8Array, characteristic?: string): void
  close(reason: string): void
  open(): void
  stop(): void
  timeOf(sample: number): HostTime | undefined
}

export function rig(driver: Driver): Rig {
  const counters = noneCounted()
  let boots = 0
  let reopens = 0
  let ticked = 0
  const session = createDriverSession(
    driver,
    {
      identified: identity => {
        made.identities.push(identity)
        made.samples.clear()
      },
      samples(block) {
        for (let s = 0; s < block.count; s++) {
          const index = block.first + s
          if (made.samples.has(index)) throw new Error(`sample ${index} was told twice`)
          made.samples.set(index, Array.from(block.values.subarray(s * block.channels, (s + 1) * block.channels)))
          made.electrodesOff.set(index, block.electrodesOff)
          if (block.saturated) made.saturated.add(index)
        }
      },
      state: (state, reason) => made.states.push({ state, reason }),
      status: () => {},
      event: () => {},
      send(bytes, characteristic) {
        const buffer = Buffer.from(bytes)
        made.sent.push({ text: buffer.toString(), hex: buffer.toString('hex'), characteristic, at: made.now })
        made.onSend?.(bytes)
      },
      reopen() {
        reopens++
        session.opened('7', made.now)
      },
      newBoot: () => ++boots,
    },
    counters,
  )

  const made: Rig = {
    identities: [],
    states: [],
    samples: new Map(),
    electrodesOff: new Map(),
    saturated: new Set(),
    sent: [],
    counters,
    get reopens() {
      return reopens
    },
    now: Microseconds(1_000_000_000),
    state: () => made.states.at(-1)?.state,
    reason: () => made.states.at(-1)?.reason ?? '',
    pass(microseconds) {
      const until = made.now + microseconds
      for (; ticked + TICK <= until; session.tick(made.now)) {
        ticked += TICK
        made.now = Microseconds(ticked)
      }
      made.now = Microseconds(until)
    },
    give(bytes, characteristic) {
      counters.bytes += bytes.length
      session.received(bytes, made.now, characteristic)
    },
    close: reason => session.closed(reason),
    open: () => session.opened('7', made.now),
    stop: () => session.stop(),
    timeOf: sample => session.timeOf(sample as SampleIndex),
  }
  ticked = made.now
  session.opened('7', made.now)
  return made
}

export const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

export const joined = (pieces: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(pieces))

/** 0, 1, … count − 1. */
export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

import { Microseconds, type SampleIndex } from '../../ecg/units.js'
import type { DeviceEventKind, DeviceStatus } from '../device-stream.js'
import { AckStatus, encodeAck } from '../link/acknowledgement.js'
import { encodeEvent } from '../link/event.js'
import { encodeHello } from '../link/hello.js'
import { decodePacket, encodePacket, MAX_PAYLOAD_BYTES, type Packet, PacketType } from '../link/packet.js'
import { decodeSampleRange, encodeSampleRange, type SampleRange } from '../link/sample-range.js'
import { encodeSamples, SAMPLES_HEADER_BYTES, type ValueBytes } from '../link/samples.js'
import { encodeStatus } from '../link/status.js'
import { decodeTimeRequest, encodeTimeResponse } from '../link/time-exchange.js'
import type { SampleSource } from './sample-source.js'

export interface DeviceOptions {
  readonly id: string
  readonly model: string
  readonly firmware: string
  readonly boot: number
  readonly source: SampleSource
  readonly valueBytes: ValueBytes
  readonly samplesPerPacket: number
  /** Samples kept for RESEND. */
  readonly retain: number
  readonly capabilities: readonly string[]
  /** How much faster than the truth its clock, and with it its sampling, runs. */
  readonly driftPpm: number
  /** Sampling is this many times faster than nominal: a replay in a hurry. */
  readonly speed: number
  /** Bit n = electrode n is off while this sample is taken. */
  electrodesOff(sample: number): number
}

/** The device's half of ECG Link. Pure: `now` is the true time, from which its own, drifting clock is made. */
export interface DeviceSession {
  readonly boot: number
  /** Samples taken since boot. */
  readonly next: number
  /** The source is at its end. */
  readonly ended: boolean
  packet(bytes: Uint8Array, now: Microseconds): void
  /** Sends the blocks that are complete at `now`, as long as `ready` answers true. */
  tick(now: Microseconds, ready?: () => boolean): void
  status(status: DeviceStatus, now: Microseconds): void
  event(kind: DeviceEventKind, sample: SampleIndex, now: Microseconds): void
  /** Clock, sample index and sequence begin again, and it says HELLO. */
  reboot(boot: number, now: Microseconds): void
  /** The device clock jumps by this much, µs; sampling goes on. */
  jumpClock(by: number): void
  /** The truth: when a sample of the present boot was taken. */
  timeOf(sample: number): Microseconds
}

export function createDeviceSession(
  options: DeviceOptions,
  now: Microseconds,
  send: (packet: Uint8Array) => void,
): DeviceSession {
  const { source, samplesPerPacket, valueBytes } = options
  const channels = source.leads.length
  if (SAMPLES_HEADER_BYTES + samplesPerPacket * channels * valueBytes > MAX_PAYLOAD_BYTES || samplesPerPacket > 255) {
    throw new RangeError(`${samplesPerPacket} samples of ${channels} channels do not fit a packet`)
  }
  const period = 1e6 / source.rate / options.speed
  const pace = 1 + options.driftPpm / 1e6
  const values = new Int32Array(samplesPerPacket * channels)
  let boot = options.boot
  let bootedAt = 0
  let clockOffset = 0
  let sequence = 0
  let next = 0
  let ended = false
  /** Sampling runs: sample `from` was taken at `since`, µs of oscillator time since boot. */
  let running: { readonly from: number; readonly since: number } | undefined

  /** µs that the oscillator has counted since boot; the clock shows `clockOffset` more. */
  const ticks = (at: number) => (at - bootedAt) * pace
  const clock = (at: number) => Microseconds(Math.floor(ticks(at) + clockOffset))
  const ticksOf = (sample: number) => (running ? running.since + (sample - running.from) * period : 0)

  function emit(type: number, at: Microseconds, payload?: Uint8Array, time = clock(at)) {
    send(encodePacket(type, sequence++, time, payload))
  }

  function begin(newBoot: number, at: Microseconds) {
    boot = newBoot
    bootedAt = at
    clockOffset = 0
    sequence = 0
    next = 0
    ended = false
    running = undefined
    hello(at)
  }

  function hello(at: Microseconds) {
    const { id, model, firmware, retain, capabilities } = options
    const rateMilliHz = Math.round(source.rate * 1000)
    const { lsbPicovolts, leads } = source
    emit(
      PacketType.Hello,
      at,
      encodeHello({ id, model, firmware, boot, rateMilliHz, lsbPicovolts, leads, retain, capabilities }),
    )
  }

  function packet(bytes: Uint8Array, at: Microseconds) {
    const received = decodePacket(bytes)
    if (typeof received !== 'object') return
    switch (received.type) {
      case PacketType.HelloRequest:
        return hello(at)
      case PacketType.Start:
        running ??= { from: next, since: ticks(at) }
        return acknowledge(received, AckStatus.Ok, at)
      case PacketType.Stop:
        running = undefined
        return acknowledge(received, AckStatus.Ok, at)
      case PacketType.TimeRequest: {
        const t0 = decodeTimeRequest(received.payload)
        if (t0 === undefined || !options.capabilities.includes('time')) return
        return emit(PacketType.TimeResponse, at, encodeTimeResponse({ t0, t1: clock(at), t2: clock(at) }))
      }
      case PacketType.Resend: {
        const range = decodeSampleRange(received.payload)
        if (range && options.capabilities.includes('resend')) resend(range, at)
        return
      }
      default:
        return acknowledge(received, AckStatus.Unsupported, at)
    }
  }

  function acknowledge(received: Packet, status: number, at: Microseconds) {
    emit(PacketType.Ack, at, encodeAck({ type: received.type, status }))
  }

  function resend(range: SampleRange, at: Microseconds) {
    const end = Math.min(range.first + range.count, next)
    const oldest = Math.max(0, next - options.retain)
    const first = Math.max(range.first, Math.min(oldest, end))
    if (first > range.first) {
      emit(PacketType.Lost, at, encodeSampleRange({ first: range.first, count: first - range.first }))
    }
    for (let from = first; from < end; from += samplesPerPacket) {
      block(from, Math.min(samplesPerPacket, end - from), true, at)
    }
  }

  /** Sends what the source has of a block, without what it lacks; answers how many samples that covers. */
  function block(first: number, count: number, retransmission: boolean, at: Microseconds): number {
    const covered = source.read(first, count, values)
    const lacks = (sample: number) => source.lacks?.(sample) ?? false
    for (let from = first, end = first; from < first + covered; from = end) {
      while (end < first + covered && lacks(end) === lacks(from)) end++
      if (!lacks(from)) packSamples(from, end - from, retransmission, at)
    }
    return covered
  }

  function packSamples(first: number, count: number, retransmission: boolean, at: Microseconds) {
    const read = source.read(first, count, values)
    let electrodesOff = 0
    for (let i = 0; i < read; i++) electrodesOff |= options.electrodesOff(first + i)
    const payload = encodeSamples(
      { first, count: read, channels, electrodesOff, retransmission, saturated: false, values },
      valueBytes,
    )
    emit(PacketType.Samples, at, payload, Microseconds(Math.round(ticksOf(first) + clockOffset)))
  }

  function tick(at: Microseconds, ready = () => true) {
    while (running && !ended && ticksOf(next + samplesPerPacket - 1) <= ticks(at) && ready()) {
      const sent = block(next, samplesPerPacket, false, at)
      next += sent
      ended = sent < samplesPerPacket
    }
  }

  begin(options.boot, now)
  return {
    get boot() {
      return boot
    },
    get next() {
      return next
    },
    get ended() {
      return ended
    },
    packet,
    tick,
    status: (status, at) => emit(PacketType.Status, at, encodeStatus(status)),
    event: (kind, sample, at) => emit(PacketType.Event, at, encodeEvent({ kind, sample })),
    reboot: begin,
    jumpClock(by) {
      clockOffset += by
    },
    timeOf: sample => Microseconds(bootedAt + ticksOf(sample) / pace),
  }
}

import { isDeepStrictEqual } from 'node:util'
import type { Microseconds, SampleIndex } from '../../ecg/units.js'
import type { DeviceListener, DeviceState, LinkCounters } from '../device-stream.js'
import { AckStatus, decodeAck, describeAck } from './acknowledgement.js'
import { decodeEvent } from './event.js'
import { decodeHello, type Hello, identityOf } from './hello.js'
import { objectionTo } from './hello-objection.js'
import { decodePacket, encodePacket, LINK_VERSION, type Packet, PacketType } from './packet.js'
import type { HostTime } from './sample-clock.js'
import { createSampleIntake, type SampleIntake } from './sample-intake.js'
import { decodeSampleRange, encodeSampleRange, type SampleRange } from './sample-range.js'
import { createSequenceCheck } from './sequence-check.js'
import { createSilence, STALLED_AFTER } from './silence.js'
import { decodeStatus } from './status.js'
import { decodeTimeResponse, encodeTimeRequest } from './time-exchange.js'

// All in µs, as specified in spec/ecg-link.md, Behaviour 1.
const HELLO_EVERY = 500_000
const EXCHANGE_SPACING = 80_000 // 60 ms are asked for, at the device, which may receive one late
const EXCHANGES = 8
const START_EVERY = 1_000_000
const EXCHANGE_EVERY = 10_000_000
/** A device that refused START is asked again after this, µs. */
const START_AGAIN_AFTER_REFUSAL = 10_000_000
/** A device clock that goes back further than any carrier reorders may have begun again, µs. */
const CLOCK_WENT_BACK = 2_000_000
/** Answers to TIME_REQ older than the last so many are not looked for any more. */
const OPEN_EXCHANGES = 16
/** What came before HELLO is kept of so many packets; HELLO is asked for twice a second. */
const MAX_EARLY = 1_024

export interface HostSessionOutput extends DeviceListener {
  /** One packet for the carrier, not yet framed. */
  send(packet: Uint8Array): void
  /** The carrier is silent: close it and open it again. */
  reopen(reason: string): void
}

/** The host's half of ECG Link. Pure: it knows the time only from its callers, and everything it does goes to its output. */
export interface HostSession {
  opened(now: Microseconds): void
  /** The carrier is gone, or cannot be opened. */
  closed(reason: string): void
  /** One packet's bytes, complete at `arrived`. */
  packet(bytes: Uint8Array, arrived: Microseconds): void
  badFrame(): void
  /** To be called every few tens of milliseconds while the carrier is open. */
  tick(now: Microseconds): void
  /** Tells the device to stop sending. */
  stop(now: Microseconds): void
  timeOf(sample: SampleIndex): HostTime | undefined
}

/** `closed`: no carrier · `hello`, `time`, `start`: as in Behaviour 1 · `run`: START was taken. */
type Phase = 'closed' | 'hello' | 'time' | 'start' | 'run'

/** What is known about a device since one boot. */
interface Booted {
  readonly hello: Hello
  readonly intake: SampleIntake
  /** Samples before the first START belong to nobody. */
  started: boolean
  /** Newest device time in any packet. */
  clockTime: number
  /** Its samples contradict what was believed of their index: with its next HELLO, whatever that says, the account begins anew. */
  wentBack: boolean
}

export function createHostSession(output: HostSessionOutput, counters: LinkCounters): HostSession {
  const sequence = createSequenceCheck()
  const silence = createSilence()
  let phase: Phase = 'closed'
  let state: DeviceState | undefined
  let reason = ''
  let device: Booted | undefined
  /** When the next request of this phase is due, and how many of a burst of TIME_REQ are still to be sent. */
  let due = 0
  let exchangesLeft = 0
  let askedAt: number[] = []
  let ownSequence = 0
  let helloAgain = 0
  /** What came before HELLO: until then it may be another device's, or of another boot. */
  let early: (() => void)[] = []
  /** Of the boots before this one. */
  let missingBefore = 0
  let duplicatesBefore = 0
  let clock = 0

  function send(type: number, payload?: Uint8Array) {
    output.send(encodePacket(type, ownSequence++, clock as Microseconds, payload))
  }

  function tell(newState: DeviceState, newReason: string) {
    if (newState === state && newReason === reason) return
    state = newState
    reason = newReason
    output.state(newState, newReason)
  }

  /** For the operator: something is wrong, but the state is what it was. */
  const complain = (sentence: string) => tell(state ?? 'connecting', sentence)

  function enter(next: Phase, now: number) {
    phase = next
    due = now
  }

  function opened(now: Microseconds) {
    silence.opened(now, counters.bytes)
    device?.intake.reopened()
    early = []
    enter('hello', now)
    tell('connecting', 'waiting for the device to say HELLO')
    tick(now)
  }

  function closed(why: string) {
    phase = 'closed'
    tell('lost', why)
  }

  function reopen(why: string) {
    phase = 'closed'
    tell(state === 'connecting' ? 'connecting' : 'lost', why)
    output.reopen(why)
  }

  function packet(bytes: Uint8Array, arrived: Microseconds) {
    if (phase === 'closed') return
    clock = arrived
    const received = decodePacket(bytes)
    if (received === 'bad') return badFrame()
    silence.packet(arrived)
    if (typeof received === 'number') {
      counters.unknownTypes++
      return complain(
        `the device speaks version ${received} of ECG Link, this gateway version ${LINK_VERSION}: update the older of the two`,
      )
    }
    counters.packets++
    if (received.type === PacketType.Hello) onHello(received, arrived)
    let repeated = false
    tellOfDevice(() => {
      repeated = sequence.note(received.sequence, received.time) === 'duplicate'
      counters.lostPackets = sequence.lost
    })
    if (received.type === PacketType.Samples) onSamples(received, arrived)
    else {
      noteClock(received.time, arrived)
      if (!onOther(received, arrived, () => repeated)) badFrame()
    }
  }

  function badFrame() {
    counters.badFrames++
  }

  function onHello(received: Packet, now: number) {
    const hello = decodeHello(received.payload)
    const objection = hello ? objectionTo(hello) : 'it is not the CBOR map that it should be'
    if (!hello || objection) {
      badFrame()
      return complain(`the device sent a HELLO that cannot be used: ${objection}`)
    }
    if (device && !device.wentBack && isDeepStrictEqual(hello, device.hello)) {
      if (phase !== 'hello' && state !== 'stalled') return
    } else {
      if (device?.hello.id === hello.id && device.hello.boot !== hello.boot) counters.reboots++
      sequence.restart()
      missingBefore = counters.missingSamples
      duplicatesBefore = counters.duplicateSamples
      output.identified(identityOf(hello)) // the listener may still ask for times of the boot that ended
      device = {
        hello,
        intake: createSampleIntake(hello, output.samples, askAgain),
        started: false,
        clockTime: received.time,
        wentBack: false,
      }
    }
    for (const tellEarly of early) tellEarly()
    early = []
    exchangesLeft = canTime(device) ? EXCHANGES : 0
    if (state !== 'stalled') tell('connected', `${hello.id} said HELLO`)
    enter(exchangesLeft ? 'time' : 'start', now)
  }

  /** Answers false where the payload is not what its type says. */
  function onOther({ type, payload }: Packet, now: Microseconds, repeated: () => boolean): boolean {
    switch (type) {
      case PacketType.Hello:
      case PacketType.Smp:
        return true
      case PacketType.Ack: {
        const ack = decodeAck(payload)
        if (!ack) return false
        if (ack.status !== AckStatus.Ok) complain(describeAck(ack))
        if (ack.type !== PacketType.Start || phase !== 'start') return true
        if (ack.status === AckStatus.Ok) run(now)
        else due = now + START_AGAIN_AFTER_REFUSAL
        return true
      }
      case PacketType.TimeResponse: {
        const response = decodeTimeResponse(payload)
        if (!response) return false
        const asked = askedAt.indexOf(response.t0)
        if (asked < 0) return true
        askedAt.splice(asked, 1)
        device?.intake.exchange(response, now)
        return true
      }
      case PacketType.Lost: {
        const range = decodeSampleRange(payload)
        if (range) device?.intake.lost(range)
        return range !== undefined
      }
      case PacketType.Status: {
        const status = decodeStatus(payload)
        if (status) tellOfDevice(() => output.status(status))
        return status !== undefined
      }
      case PacketType.Event: {
        const event = decodeEvent(payload)
        if (event) tellOfDevice(() => !repeated() && output.event(event.kind, event.sample))
        return event !== undefined
      }
      default:
        counters.unknownTypes++
        return true
    }
  }

  function tellOfDevice(tellNow: () => void) {
    if (phase !== 'hello') tellNow()
    else if (early.length < MAX_EARLY) early.push(tellNow)
  }

  function onSamples(received: Packet, arrived: Microseconds) {
    if (!device?.started || phase === 'hello') return
    const { intake, hello } = device
    const taken = intake.take(received, arrived)
    if (taken === 'bad') return badFrame()
    if (taken === 'went-back') {
      device.wentBack = true
      enter('hello', arrived)
      return tell('connecting', 'the sample index went back: asking the device whether it has rebooted')
    }
    if (phase === 'start') run(arrived)
    silence.samples(arrived)
    counters.duplicateSamples = duplicatesBefore + intake.duplicates
    counters.missingSamples = missingBefore + intake.missing
    tell('streaming', `${hello.id} is streaming`)
    if (taken === 'clock-broke') {
      askHello(arrived)
      if (phase === 'run' && canTime(device)) {
        exchangesLeft = EXCHANGES
        due = arrived + EXCHANGE_SPACING
      }
    }
  }

  function askAgain(range: SampleRange) {
    counters.resendRequests++
    send(PacketType.Resend, encodeSampleRange(range))
  }

  /** START was taken: from now on silence is a stall. */
  function run(now: number) {
    enter('run', now + EXCHANGE_EVERY)
    silence.samples(now)
  }

  /** A device clock that goes back without a HELLO may be a reboot whose HELLO was lost. */
  function noteClock(time: number, now: number) {
    if (!device) return
    if (time < device.clockTime - CLOCK_WENT_BACK) {
      device.clockTime = time
      askHello(now)
    } else device.clockTime = Math.max(device.clockTime, time)
  }

  function askHello(now: number) {
    if (now < helloAgain) return
    helloAgain = now + HELLO_EVERY
    send(PacketType.HelloRequest)
  }

  function exchange(now: Microseconds) {
    askedAt.push(now)
    if (askedAt.length > OPEN_EXCHANGES) askedAt = askedAt.slice(-OPEN_EXCHANGES)
    exchangesLeft = Math.max(0, exchangesLeft - 1)
    send(PacketType.TimeRequest, encodeTimeRequest(now))
  }

  function tick(now: Microseconds) {
    if (phase === 'closed') return
    clock = now
    if (now >= due) request(now)
    if (phase !== 'hello') device?.intake.tick(now)
    if (phase === 'run' && silence.stalled(now)) {
      tell('stalled', `no samples for ${STALLED_AFTER / 1e6} s`)
      askHello(now)
    }
    const hint = silence.hint(now, counters.bytes)
    if (hint) complain(hint)
    const over = silence.over(now)
    if (over) reopen(`nothing came from the device for ${over / 1e6} s: opening the carrier again`)
  }

  function request(now: Microseconds) {
    switch (phase) {
      case 'hello':
        due = now + HELLO_EVERY
        return send(PacketType.HelloRequest)
      case 'time':
        if (exchangesLeft === 0) return start(now)
        due = now + EXCHANGE_SPACING
        return exchange(now)
      case 'start':
        return start(now)
      case 'run':
        if (!canTime(device)) return
        exchange(now)
        due = now + (exchangesLeft ? EXCHANGE_SPACING : EXCHANGE_EVERY)
    }
  }

  function start(now: number) {
    phase = 'start'
    due = now + START_EVERY
    if (device) device.started = true
    send(PacketType.Start)
  }

  function stop(now: Microseconds) {
    clock = now
    if (phase !== 'closed') send(PacketType.Stop)
    phase = 'closed'
  }

  return { opened, closed, packet, badFrame, tick, stop, timeOf: sample => device?.intake.timeOf(sample) }
}

const canTime = (device: Booted | undefined) => device?.hello.capabilities.includes('time') ?? false

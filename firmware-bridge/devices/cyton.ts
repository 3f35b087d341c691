import { Hertz, type Microseconds, Millivolts } from '../../ecg/units.js'
import { createArrivalTimeline } from './arrival-timeline.js'
import { CHANNELS, createPacketMatch, LOOK_AHEAD, NUMBER_AT, PACKET_BYTES, VALUES_AT } from './cyton/packets.js'
import type { Driver, DriverConnection, DriverLink } from './driver.js'
import type { DriverOptions } from './driver-options.js'
import { createFrameScanner } from './frame-scanner.js'
import { createSampleBatch } from './sample-batch.js'
import { MOST_NEGATIVE_24, MOST_POSITIVE_24, readSigned24BigEndian } from './signed-24.js'

/** Of the dongle; the board's own rate follows from it. */
export const CYTON_BAUD = 115_200
const RATE = Hertz(250)
/** 4.5 V and gain 24, which `v` restores ("Cyton Data Format", Interpreting the EEG Data). */
const LSB = Millivolts(4500 / 24 / MOST_POSITIVE_24)
/** The board has eight inputs and no opinion about what is connected to them. */
const INPUTS = ['CH1', 'CH2', 'CH3', 'CH4', 'CH5', 'CH6', 'CH7', 'CH8']
const COUNTER = 256

// Commands ("Cyton Board SDK"), and how long they get, µs.
const STOP = 's'
const RESET = 'v'
const EIGHT_CHANNELS = 'c'
const START = 'b'
/** Between two commands: firmware 1 wants a pause. */
const PAUSE = 100_000
/** A reset ends with a greeting within a second. */
const GREETING_TIMEOUT = 2_000_000
/** START has no acknowledgement: it is repeated until packets come. */
const START_EVERY = 1_000_000
/** No text comes while packets do, and "$$$" may well be part of a value: it is looked for after such a silence, µs. */
const SILENT = 500_000
/** Text that is remembered, characters: a greeting has about a hundred. */
const MOST_TEXT = 512

/**
 * OpenBCI Cyton through its dongle: 8 channels at 250 Hz. It is stopped, reset, told to leave a Daisy alone, and started.
 *
 * Time: the packets have none. Arrival of the last byte stands for the packet's sample; the uncertainty says so.
 * Loss: samples are numbered modulo 256; the elapsed host time tells which multiple of 256 is missing besides, as long as
 *   the host reads no later than half of that, 0.5 s. A board that was switched off and on says so in its greeting, and numbers start again.
 * Vectors: docs.openbci.com, "Cyton Data Format" and "Cyton Board SDK"; BrainFlow, cyton.cpp. No capture of a board was at hand.
 *
 * Options: `leads` at the inputs 1 to 8, e.g. I,II,V1,V2,V3,V4,V5,V6; without them no channel is taken for a lead.
 */
export function createCytonDriver(options: DriverOptions): Driver {
  const channels = options.names('leads', INPUTS)
  options.end()
  return { name: 'cyton', packet: 'Cyton packet', connect: link => connect(link, channels) }
}

type Phase = 'stop' | 'reset' | 'greeting' | 'limit' | 'start' | 'run'

function connect(link: DriverLink, channels: readonly string[]): DriverConnection {
  const { counters } = link
  let phase: Phase = 'stop'
  let due = 0
  let text = ''
  let firmware = 'unknown'
  let timeline = createArrivalTimeline(RATE, COUNTER)
  let lastPacket = { number: 0, arrived: 0 as Microseconds }
  /** Of the next sample, since the board was started. */
  let next: number | undefined
  const batch = createSampleBatch(CHANNELS, link.samples)

  const scanner = createFrameScanner(LOOK_AHEAD, createPacketMatch(), ({ buffer, from, skipped, after, arrived }) => {
    const number = buffer[from + NUMBER_AT]!
    if (next === undefined) begin()
    else {
      if (skipped > 0) counters.badFrames++
      next += lost(lostBefore(number, arrived, Math.floor(after / PACKET_BYTES)))
    }
    counters.packets++
    lastPacket = { number, arrived }
    const to = batch.add(next!++, arrived, 0)
    for (let channel = 0; channel < CHANNELS; channel++) {
      const value = readSigned24BigEndian(buffer, from + VALUES_AT + 3 * channel)
      if (value === MOST_POSITIVE_24 || value === MOST_NEGATIVE_24) batch.saturated()
      batch.values[to + channel] = value
    }
  })

  function begin() {
    phase = 'run'
    next = 0
    link.identified({ id: link.id, model: 'OpenBCI Cyton', firmware, rate: RATE, lsb: LSB, channels })
    timeline = createArrivalTimeline(RATE, COUNTER)
    link.remark(channels === INPUTS ? 'none of its inputs is said to be a lead: add ?leads=I,II,…' : undefined)
  }

  /** By the counter, and by how many whole turns of it the time says. `after`: packets that have already come after this one. */
  function lostBefore(number: number, arrived: number, after: number): number {
    const byCounter = (number - lastPacket.number - 1) & (COUNTER - 1)
    const byTime = ((arrived - lastPacket.arrived) * RATE) / 1e6 - 1 - after
    return byCounter + COUNTER * Math.max(0, Math.round((byTime - byCounter) / COUNTER))
  }

  function lost(samples: number): number {
    counters.lostPackets += samples
    return samples
  }

  function received(bytes: Uint8Array, at: Microseconds) {
    if (phase === 'run' ? at - lastPacket.arrived > SILENT : phase !== 'start') read(bytes, at)
    if (phase !== 'start' && phase !== 'run') return
    const before = counters.packets
    scanner.push(bytes, at)
    batch.flush()
    if (next !== undefined && counters.packets > before) next += lost(timeline.add(next - 1, lastPacket.arrived))
  }

  /** What the board or the dongle says in words; each saying ends with "$$$". */
  function read(bytes: Uint8Array, now: number) {
    text = (text + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')).slice(-MOST_TEXT)
    if (!text.includes('$$$')) return
    if (/Failure/.test(text)) link.remark('the dongle answers, but not the board: switch it on or bring it nearer')
    else if (phase === 'greeting' || (phase === 'run' && /OpenBCI/.test(text))) greeted(now)
    text = ''
  }

  function greeted(now: number) {
    if (phase === 'run') counters.reboots++
    firmware = /Firmware: v?([\w.]+)/.exec(text)?.[1] ?? 'unknown'
    enter('limit', now)
  }

  function enter(to: Phase, at: number) {
    phase = to
    due = at
  }

  function say(command: string) {
    link.send(Buffer.from(command))
  }

  function tick(now: Microseconds) {
    if (now < due) return
    switch (phase) {
      case 'stop':
        say(STOP)
        return enter('reset', now + PAUSE)
      case 'reset':
        say(RESET)
        text = ''
        return enter('greeting', now + GREETING_TIMEOUT)
      case 'greeting':
        return enter('stop', now)
      case 'limit':
        say(EIGHT_CHANNELS)
        scanner.reset()
        next = undefined
        return enter('start', now + PAUSE)
      case 'start':
        say(START)
        due = now + START_EVERY
    }
  }

  return { received, tick, stop: () => say(STOP), timeOf: sample => timeline.timeOf(sample) }
}

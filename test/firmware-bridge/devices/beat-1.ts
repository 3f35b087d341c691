import { Hertz, Millivolts } from '../../../ecg/units.js'
import { createArrivalTimeline } from '../../../firmware-bridge/devices/arrival-timeline.js'
import type { Driver, DriverConnection, DriverLink } from '../../../firmware-bridge/devices/driver.js'
import type { DriverOptions } from '../../../firmware-bridge/devices/driver-options.js'
import { createFrameScanner } from '../../../firmware-bridge/devices/frame-scanner.js'
import { createSampleBatch } from '../../../firmware-bridge/devices/sample-batch.js'

/** B1 | u8 number | i16 little-endian, µV | u8 sum of the four bytes before it. */
const PACKET_BYTES = 5
const RATE = Hertz(250)
const COUNTER = 256

/** Answers what begins at `from`: a packet's length, 0 where more bytes are needed to tell, −1 for nothing. */
export function matchPacket(buffer: Uint8Array, from: number, end: number): number {
  if (buffer[from] !== 0xb1) return -1
  if (end - from < PACKET_BYTES) return 0
  const sum = buffer[from]! + buffer[from + 1]! + buffer[from + 2]! + buffer[from + 3]!
  return (sum & 0xff) === buffer[from + 4] ? PACKET_BYTES : -1
}

/**
 * Beat-1: one lead, 250 Hz, on a serial port.
 *
 * Time: the packets have none. Arrival of the last byte stands for the packet's sample; the uncertainty says so.
 * Loss: samples are numbered modulo 256; whole turns of that are estimated from arrival.
 * Vectors: the vendor's data sheet, page 3. Options: `leads`, the one that it is worn as.
 */
export function createBeat1Driver(options: DriverOptions): Driver {
  const channels = options.names('leads', ['II'])
  options.end()
  return { name: 'beat-1', packet: 'Beat-1 packet', connect: link => connect(link, channels) }
}

function connect(link: DriverLink, channels: readonly string[]): DriverConnection {
  const timeline = createArrivalTimeline(RATE, COUNTER)
  const batch = createSampleBatch(channels.length, link.samples)
  /** Of the next sample, from 0; its low byte follows the device's number, `offset` apart. */
  let next: number | undefined
  let offset = 0

  const scanner = createFrameScanner(PACKET_BYTES, matchPacket, ({ buffer, from, skipped, arrived }) => {
    const number = buffer[from + 1]!
    if (next === undefined) {
      next = 0
      offset = number
      const identity = { id: link.id, model: 'Beat-1', firmware: 'unknown', rate: RATE, lsb: Millivolts(0.001) }
      link.identified({ ...identity, channels })
    } else if (skipped > 0) link.counters.badFrames++
    const lost = (number - offset - next) & (COUNTER - 1)
    link.counters.lostPackets += lost
    link.counters.packets++
    next += lost
    batch.values[batch.add(next++, arrived, 0)] = ((buffer[from + 3]! << 24) >> 16) | buffer[from + 2]!
  })

  return {
    received(bytes, arrived) {
      const before = link.counters.packets
      scanner.push(bytes, arrived)
      batch.flush()
      if (next !== undefined && link.counters.packets > before) next += timeline.add(next - 1, arrived)
    },
    tick() {}, // it sends unasked; commands that are due would go out here
    stop() {},
    timeOf: timeline.timeOf,
  }
}

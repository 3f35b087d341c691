import { INDEPENDENT_LEADS } from '../ecg/leads.js'
import { Hertz, Microseconds, SampleIndex } from '../ecg/units.js'
import { noneCounted } from '../firmware-bridge/device-stream.js'
import { createDeviceSession } from '../firmware-bridge/emulator/device-session.js'
import { createRandom } from '../firmware-bridge/emulator/random.js'
import { withDefaults } from '../firmware-bridge/emulator/virtual-device.js'
import { encodeFrame } from '../firmware-bridge/link/cobs.js'
import { createFramer } from '../firmware-bridge/link/framer.js'
import { createHostSession } from '../firmware-bridge/link/host-session.js'
import { decodePacket, encodePacket, MAX_PAYLOAD_BYTES, type Packet } from '../firmware-bridge/link/packet.js'
import type { Fuzzed } from './fuzz-driver.js'
import { createMutation, wavy } from './vendor-streams.js'

const RATE = Hertz(500)
/** As often as the sessions look at the time, µs. */
const STEP = 20_000
/** Of the packets whose payload is harmed, the share that the device signs with a CRC that is right. */
const SIGNED = 0.1
const STATUS_EVERY = 500
const MOST_EXCEPTIONS = 100

/** As `fuzzDriver`, for ECG Link: frames are harmed on the line, and payloads before their CRC is made. */
export function fuzzEcgLink(mostBytes: number, seed: number): Fuzzed {
  const random = createRandom(seed)
  const harmFrame = createMutation(seed)
  const harmPayload = createMutation(seed + 1)
  const counters = noneCounted()
  const exceptions: unknown[] = []
  let now = Microseconds(1e9)
  let channels = 0
  let samples = 0

  const host = createHostSession(
    {
      identified(identity) {
        channels = identity.channels.length
      },
      samples(block) {
        const { first, count, values } = block
        if (block.channels !== channels || !(count > 0) || values.length < count * channels)
          throw new Error(`${count} × ${block.channels} values in ${values.length}`)
        if (!Number.isSafeInteger(first) || first < 0) throw new Error(`a block at ${first}`)
        samples += count
      },
      state: () => {},
      status: () => {},
      event: () => {},
      send: packet => device.packet(packet, now),
      reopen: () => host.opened(now),
    },
    counters,
  )
  const framer = createFramer({ frame: packet => host.packet(packet, now), badFrame: () => host.badFrame() })
  const source = {
    rate: RATE,
    lsbPicovolts: 1_000_000,
    leads: INDEPENDENT_LEADS,
    read(first: number, count: number, values: Int32Array) {
      for (let i = 0; i < count * INDEPENDENT_LEADS.length; i++) values[i] = wavy(first + (i >> 3), i & 7)
      return count
    },
  }
  const device = createDeviceSession(withDefaults({ source, boot: 1 }), now, packet => {
    const frame = harmFrame(encodeFrame(random() < SIGNED ? resigned(packet) : packet))
    counters.bytes += frame.length
    attempt(() => framer.push(frame))
  })

  /** The same packet with another payload, as a device with a fault would send it: whole. */
  function resigned(packet: Uint8Array): Uint8Array {
    const { type, sequence, time, payload } = decodePacket(packet) as Packet
    return encodePacket(type, sequence, time, harmPayload(payload).subarray(0, MAX_PAYLOAD_BYTES))
  }

  function attempt(step: () => void) {
    try {
      step()
    } catch (error) {
      if (exceptions.length < MOST_EXCEPTIONS) exceptions.push(error)
    }
  }

  host.opened(now)
  for (let n = 0; counters.bytes < mostBytes; n++) {
    now = Microseconds(now + STEP)
    attempt(() => host.tick(now))
    device.tick(now)
    if (n % STATUS_EVERY === 0) {
      device.status({ battery: 50, uptimeMs: n }, now)
      device.event('button', SampleIndex(device.next), now)
      attempt(() => host.timeOf(SampleIndex(device.next)))
    }
  }
  attempt(() => host.stop(now))
  return { bytes: counters.bytes, samples, counters, exceptions }
}

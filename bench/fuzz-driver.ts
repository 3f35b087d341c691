import { Microseconds, SampleIndex } from '../ecg/units.js'
import { type LinkCounters, noneCounted, type SampleBlock } from '../firmware-bridge/device-stream.js'
import { createDriverSession } from '../firmware-bridge/devices/driver-session.js'
import { createRandom } from '../firmware-bridge/emulator/random.js'
import { createMutation, type VendorStream } from './vendor-streams.js'

export interface Fuzzed {
  readonly bytes: number
  readonly samples: number
  readonly counters: LinkCounters
  readonly exceptions: readonly unknown[]
}

/** Now and then the stream is silent for so long, µs: stalls, and reopens. */
const SILENCE = 7_000_000
const SILENT = 0.000_05
/** Packets are glued together and cut anew, as reads do it. Notifications are not. */
const LONGEST_READ = 500
const MOST_EXCEPTIONS = 100

/** Runs a driver on a harmed stream until it has taken so many bytes; every broken promise of it counts as an exception. */
export function fuzzDriver(stream: VendorStream, mostBytes: number, seed: number): Fuzzed {
  const random = createRandom(seed)
  const mutate = createMutation(seed)
  const exceptions: unknown[] = []
  const counters = noneCounted()
  let now = Microseconds(1e9)
  let samples = 0
  let next: number | undefined
  let bytes = 0

  const session = createDriverSession(
    stream.driver,
    {
      identified: () => {
        next = undefined
      },
      samples(block) {
        const fault = faultOf(block, next)
        if (fault) throw new Error(fault)
        next = block.first + block.count
        samples += block.count
      },
      state: () => {},
      status: () => {},
      event: () => {},
      send: () => {},
      reopen: () => session.opened('fuzz', now),
      newBoot: () => Math.floor(random() * 2 ** 32),
    },
    counters,
  )

  function attempt(step: () => void) {
    try {
      step()
    } catch (error) {
      if (exceptions.length < MOST_EXCEPTIONS) exceptions.push(error)
    }
  }

  function give(piece: Uint8Array, characteristic?: string) {
    bytes += piece.length
    counters.bytes += piece.length
    attempt(() => session.received(piece, now, characteristic))
  }

  /** In reads of any length, or as one notification of this or, rarely, another characteristic. */
  function deliver(packet: Uint8Array, characteristic: string | undefined) {
    if (stream.characteristic)
      return give(packet, random() < 0.01 ? stream.answers?.[0]?.characteristic : characteristic)
    for (let at = 0; at < packet.length; ) {
      const length = 1 + Math.floor(random() * LONGEST_READ)
      give(packet.subarray(at, at + length))
      at += length
    }
  }

  session.opened('fuzz', now)
  for (let n = 0; bytes < mostBytes; n++) {
    now = Microseconds(now + (random() < SILENT ? SILENCE : (stream.perPacket * 1e6) / stream.rate))
    attempt(() => session.tick(now))
    if (n % 200 === 0) for (const answer of stream.answers ?? []) deliver(mutate(answer.bytes), answer.characteristic)
    deliver(mutate(stream.packet(n)), stream.characteristic)
    if (n % 100 === 0) attempt(() => session.timeOf(SampleIndex(next ?? 0)))
  }
  attempt(() => session.stop())
  return { bytes, samples, counters, exceptions }
}

/** What a block says that no block may say. */
function faultOf(block: SampleBlock, next: number | undefined): string | undefined {
  const { first, count, channels, values } = block
  if (!Number.isSafeInteger(first) || first < (next ?? 0)) return `block at ${first} after ${next}`
  if (!(count > 0) || values.length < count * channels) return `${count} × ${channels} values in ${values.length}`
  return undefined
}

import { type Microseconds, SampleIndex } from '../../ecg/units.js'
import type { SampleBlock } from '../device-stream.js'
import { type Hello, identityOf } from './hello.js'
import { MAX_PAYLOAD_BYTES, type Packet } from './packet.js'
import { createReceivedRanges } from './received-ranges.js'
import { createResend } from './resend.js'
import { createSampleClock, type HostTime } from './sample-clock.js'
import type { SampleRange } from './sample-range.js'
import { decodeSamples, type Samples } from './samples.js'
import type { TimeResponse } from './time-exchange.js'

/** A sample index that goes back by more than what is retained and this, in seconds, begins again: no carrier reorders so much. */
const INDEX_WENT_BACK = 10

/**
 * `bad`: the payload contradicts itself or HELLO · `went-back`: the device counts from the beginning again; not taken ·
 * `clock-broke`: taken, but sampling rested or the device clock jumped · `taken`
 */
export type Taken = 'bad' | 'went-back' | 'clock-broke' | 'taken'

/** What is known of a device's samples since one boot: which have come, when they were taken, what to ask for again. */
export interface SampleIntake {
  /** Skipped and not received since. */
  readonly missing: number
  /** Received more than once. */
  readonly duplicates: number
  take(packet: Packet, arrived: Microseconds): Taken
  /** Asks for what is missing, where it is due. */
  tick(now: Microseconds): void
  lost(range: SampleRange): void
  /** The carrier was opened again: nothing that was asked for will come. */
  reopened(): void
  exchange(response: TimeResponse, t3: Microseconds): void
  timeOf(sample: SampleIndex): HostTime | undefined
}

export function createSampleIntake(
  hello: Hello,
  deliver: (block: SampleBlock) => void,
  ask: (range: SampleRange) => void,
): SampleIntake {
  const { rate } = identityOf(hello)
  const ranges = createReceivedRanges()
  const clock = createSampleClock(rate)
  const resend = createResend(ask)
  const retained = hello.capabilities.includes('resend') ? hello.retain : 0
  const values = new Int32Array(MAX_PAYLOAD_BYTES)
  let duplicates = 0

  function take({ payload, time }: Packet, arrived: Microseconds): Taken {
    const samples = decodeSamples(payload, values)
    if (!samples || samples.channels !== hello.leads.length) return 'bad'
    const { first, count, retransmission } = samples
    const oldest = (ranges.next ?? 0) - hello.retain - INDEX_WENT_BACK * rate
    if (first + count < oldest) return 'went-back'
    if (retransmission) resend.answered({ first, count })
    const fits = retransmission || clock.block(SampleIndex(first), count, time, arrived)
    duplicates += ranges.add(first, count, arrived, (from, part) => deliver(blockOf(samples, from, part, arrived)))
    return fits ? 'taken' : 'clock-broke'
  }

  return {
    get missing() {
      return ranges.missing
    },
    get duplicates() {
      return duplicates
    },
    take,
    tick(now) {
      if (retained > 0 && ranges.next !== undefined) resend.tick(ranges.gaps, ranges.next, retained, now)
    },
    lost(range) {
      ranges.cut(range.first, range.first + range.count)
      resend.lost(range, ranges.gaps)
    },
    reopened: resend.reset,
    exchange: clock.exchange,
    timeOf: clock.timeOf,
  }
}

/** The part of a packet that begins with sample `from`. */
function blockOf(samples: Samples, from: number, count: number, arrived: Microseconds): SampleBlock {
  const { channels, electrodesOff, saturated, retransmission, values } = samples
  const skip = (from - samples.first) * channels
  return {
    first: SampleIndex(from),
    count,
    channels,
    values: skip === 0 ? values : values.subarray(skip),
    electrodesOff,
    saturated,
    retransmission,
    arrived,
  }
}

import { type Hertz, Microseconds, SampleIndex } from '../../ecg/units.js'
import { createSampleClock, type HostTime } from '../link/sample-clock.js'
import type { DriverLink } from './driver.js'

/** Packets of one channel that carry the time of a sample by the device's clock, but no number. */
export interface StampedPackets {
  /** `count` values, of which the first was taken at `time`, device µs. */
  take(values: Int32Array, count: number, time: number, arrived: Microseconds): void
  timeOf(sample: SampleIndex): HostTime | undefined
}

/** A radio may hold packets back for a while; stamps that disagree with arrival by more, µs, mean that the clock was set. */
const CLOCK_WAS_SET = 2_000_000

/**
 * Numbers samples by their stamps, at the nominal rate: packets are lost whole, so what is missing is known exactly as long as
 * the rate is off by less than half a packet over the gap. Where the clock was set meanwhile, arrival stands in for it.
 */
export function createStampedPackets(link: DriverLink, rate: Hertz): StampedPackets {
  const clock = createSampleClock(rate)
  let next = 0
  let last: { time: number; count: number; arrived: number } | undefined

  /** Between the packet before and one that begins at `time`. */
  function lostBefore(time: number, arrived: number): number {
    if (!last) return 0
    const byStamp = time - last.time
    const byArrival = arrived - last.arrived
    const elapsed = Math.abs(byStamp - byArrival) > CLOCK_WAS_SET ? byArrival : byStamp
    const lost = Math.round((elapsed * rate) / 1e6) - last.count
    return lost < last.count / 2 ? 0 : lost
  }

  return {
    take(values, count, time, arrived) {
      const lost = lostBefore(time, arrived)
      if (last && lost > 0) link.counters.lostPackets += Math.round(lost / last.count)
      const first = SampleIndex(next + lost)
      clock.block(first, count, Microseconds(time), arrived)
      last = { time, count, arrived }
      next = first + count
      link.samples({
        first,
        count,
        channels: 1,
        values,
        electrodesOff: 0,
        saturated: false,
        retransmission: false,
        arrived,
      })
    },
    timeOf: clock.timeOf,
  }
}

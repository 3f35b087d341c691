import { type Hertz, Microseconds, SampleIndex } from '../../ecg/units.js'
import { CLOCK_WANDER } from '../link/host-fit.js'
import { createLineFilter } from '../link/line-filter.js'
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
/** How far the sampling rate may be from nominal: what Polar specifies. */
const RATE_SIGMA = 0.01
/** A stamp may be rounded to ms, µs. */
const STAMP_SIGMA = 1_000

/**
 * Numbers samples by their stamps, at the rate that these have had so far: packets are lost whole, so what is missing is known
 * exactly. Where the clock was set meanwhile, arrival stands in for it.
 */
export function createStampedPackets(link: DriverLink, rate: Hertz): StampedPackets {
  const period = 1e6 / rate
  const clock = createSampleClock(rate)
  /** Sample number at the nominal rate, µs → device clock. */
  const line = createLineFilter(CLOCK_WANDER)
  let next = 0
  let last: { time: number; count: number; arrived: number } | undefined

  /** Between the packet before and one that begins at `time`. */
  function lostBefore(time: number, arrived: number): number {
    if (!last) return 0
    const byArrival = arrived - last.arrived
    if (Math.abs(time - last.time - byArrival) > CLOCK_WAS_SET) {
      const missing = Math.max(0, byArrival - last.count * period)
      line.start(next * period, time - missing, STAMP_SIGMA, RATE_SIGMA)
    }
    const missing = (time - line.y(next * period)) / (1 + line.drift)
    const lost = Math.round(missing / period)
    return lost < last.count / 2 ? 0 : lost
  }

  return {
    take(values, count, time, arrived) {
      const lost = lostBefore(time, arrived)
      if (last && lost > 0) link.counters.lostPackets += Math.round(lost / last.count)
      const first = SampleIndex(next + lost)
      clock.block(first, count, Microseconds(time), arrived)
      if (last) line.update(first * period, time, STAMP_SIGMA)
      else line.start(first * period, time, STAMP_SIGMA, RATE_SIGMA)
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

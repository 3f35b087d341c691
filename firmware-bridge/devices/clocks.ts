import { type Microseconds, UnixMillis } from '../../ecg/units.js'
import type { SampleTime } from '../device-stream.js'
import type { HostTime } from '../link/sample-clock.js'
import { monotonicNow } from '../transport/monotonic-now.js'

/** Where a driver gets the time from. */
export interface Clocks {
  monotonic(): Microseconds
  /** Wall clock, which may be set at any time. */
  utc(): UnixMillis
}

export const SYSTEM_CLOCKS: Clocks = { monotonic: monotonicNow, utc: () => UnixMillis(Date.now()) }

/** Resolution of `Date.now`, ms: half of it is the error of reading it. */
const UTC_RESOLUTION = 1

/** A preemption between two readings of the clocks is not likely three times in a row. */
const READINGS = 3

/** A host time in UTC. The wall clock is read now, so that a step of it shows in every time told after it. */
export function inUtc({ at, uncertainty }: HostTime, clocks: Clocks): SampleTime {
  return {
    utc: UnixMillis(at / 1000 + utcOffset(clocks)),
    uncertaintyMs: uncertainty / 1000 + UTC_RESOLUTION / 2,
  }
}

/** What to add to the monotonic clock to get UTC, ms: from the two readings that lie closest together. */
function utcOffset({ monotonic, utc }: Clocks): number {
  let best = { offset: 0, apart: Number.POSITIVE_INFINITY }
  for (let reading = 0; reading < READINGS; reading++) {
    const before = monotonic()
    const now = utc()
    const apart = monotonic() - before
    if (apart < best.apart) best = { offset: now + UTC_RESOLUTION / 2 - (before + apart / 2) / 1000, apart }
  }
  return best.offset
}

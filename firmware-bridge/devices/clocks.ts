import { type Microseconds, UnixMillis } from '../../ecg/units.js'
import { monotonicNow } from '../transport/monotonic-now.js'

/** Where a driver gets the time from. */
export interface Clocks {
  monotonic(): Microseconds
  /** Wall clock, which may be set at any time. */
  utc(): UnixMillis
}

export const SYSTEM_CLOCKS: Clocks = { monotonic: monotonicNow, utc: () => UnixMillis(Date.now()) }

/** Resolution of `Date.now`, ms: half of it is the error of reading it. */
export const UTC_RESOLUTION = 1

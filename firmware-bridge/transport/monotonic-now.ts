import { Microseconds } from '../../ecg/units.js'

/** The host's monotonic clock, µs: the same in every thread and process of this machine, never set back. */
export function monotonicNow(): Microseconds {
  const [seconds, nanoseconds] = process.hrtime()
  return Microseconds(seconds * 1e6 + Math.floor(nanoseconds / 1000))
}

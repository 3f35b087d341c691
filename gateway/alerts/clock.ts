import type { Millis, UnixMillis } from '../../ecg/units.js'

/** The two times that alerts need. Intervals use the monotonic one, so that setting the wall clock neither raises nor ends anything. */
export interface Clock {
  utc(): UnixMillis
  /** Never steps back; its zero means nothing. */
  monotonic(): Millis
}

import type { Millis } from '../ecg/units.js'
import type { Clock } from './alerts/clock.js'

export interface WindowRate {
  count(): void
  /** Windows per second since this was last asked. */
  perSecond(): number
}

export function createWindowRate(clock: Pick<Clock, 'monotonic'>): WindowRate {
  let windows = 0
  let since: Millis = clock.monotonic()
  return {
    count() {
      windows++
    },
    perSecond() {
      const now = clock.monotonic()
      const rate = windows / Math.max(1, (now - since) / 1000)
      windows = 0
      since = now
      return rate
    },
  }
}

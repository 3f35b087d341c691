import { type Millis, Seconds } from '../ecg/units.js'
import type { Clock } from './alerts/clock.js'

export interface WindowRate {
  count(): void
  /** Windows per second of the last minute; of the time since the start, while that is shorter. Whoever asks changes nothing. */
  perSecond(): number
}

const SECOND = Seconds(1)
const MINUTE = Seconds(60)

export function createWindowRate(clock: Pick<Clock, 'monotonic'>): WindowRate {
  const started = clock.monotonic()
  /** Windows by the second that they came in, oldest first. */
  const bySecond = new Map<number, number>()

  function forgetBefore(now: Millis): void {
    for (const second of bySecond.keys()) {
      if (second * SECOND > now - MINUTE) return
      bySecond.delete(second)
    }
  }

  return {
    count() {
      const now = clock.monotonic()
      const second = Math.floor(now / SECOND)
      bySecond.set(second, (bySecond.get(second) ?? 0) + 1)
      forgetBefore(now)
    },
    perSecond() {
      const now = clock.monotonic()
      forgetBefore(now)
      const windows = [...bySecond.values()].reduce((sum, count) => sum + count, 0)
      return (windows * SECOND) / Math.min(MINUTE, Math.max(SECOND, now - started))
    },
  }
}

import { Millis } from '../../ecg/units.js'
import type { Clock } from '../alerts/clock.js'

/** How many may go now: `burst` at once, and then `perSecond`. */
export interface Pace {
  readonly available: number
  take(): void
  /** Until the next one is available. */
  readonly wait: Millis
}

export function createPace(perSecond: number, burst: number, clock: Pick<Clock, 'monotonic'>): Pace {
  let tokens = burst
  let filled = clock.monotonic()
  const fill = () => {
    const now = clock.monotonic()
    tokens = Math.min(burst, tokens + ((now - filled) * perSecond) / 1000)
    filled = now
  }
  return {
    get available() {
      fill()
      return Math.floor(tokens)
    },
    take() {
      tokens--
    },
    get wait() {
      fill()
      return Millis(Math.max(0, Math.ceil(((1 - tokens) * 1000) / perSecond)))
    },
  }
}

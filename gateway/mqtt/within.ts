import { setTimeout as delay } from 'node:timers/promises'
import type { Millis } from '../../ecg/units.js'

/** Waits for the work, but no longer than this, and whatever comes of it. */
export async function within(limit: Millis, work: Promise<unknown>): Promise<void> {
  const timer = new AbortController()
  const over = delay(limit, undefined, { signal: timer.signal }).catch(() => {})
  await Promise.race([work.catch(() => {}), over])
  timer.abort()
}

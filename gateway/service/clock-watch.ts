import { Millis, Seconds } from '../../ecg/units.js'
import type { Clock } from '../alerts/clock.js'
import type { Log } from '../mqtt/log.js'

/** A time server steers the clock in small steps or by its rate; more than this at once means that somebody set it. */
const STEP = Seconds(1)

/** For how long it is told. */
const TOLD_FOR = Seconds(60)

/**
 * Notices when the host's wall clock is set. Call it about once a second; it answers one sentence for a minute after each step,
 * and null otherwise. Intervals never depend on that clock, but the times in messages do.
 */
export function createClockWatch(clock: Clock, log: Log): () => string | null {
  const offset = () => clock.utc() - clock.monotonic()
  let expected = offset()
  let told: { readonly sentence: string; readonly until: Millis } | null = null
  return () => {
    const step = offset() - expected
    expected += step
    if (Math.abs(step) >= STEP) {
      const by = `${(Math.abs(step) / 1000).toFixed(0)} s`
      // The monotonic clock rests while the host sleeps.
      const what = step < 0 ? `was set back by ${by}` : `was set forward by ${by}, or the host slept`
      const sentence = `The host's clock ${what}: times told before and after it do not compare`
      told = { sentence, until: Millis(clock.monotonic() + TOLD_FOR) }
      log.warn({ stepMs: Math.round(step) }, sentence)
    }
    if (told !== null && clock.monotonic() >= told.until) told = null
    return told?.sentence ?? null
  }
}

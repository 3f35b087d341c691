import type { Gap } from './received-ranges.js'
import type { SampleRange } from './sample-range.js'

/** A gap younger than this may still be closed by a packet that was overtaken, µs. The specification allows 200 ms. */
const GRACE = 40_000
/** A gap is asked for again after this, and a request that was not answered ends, µs (spec/ecg-link.md, Behaviour 3). */
const PATIENCE = 1_000_000
const MAX_ASKS = 2
const MAX_IN_FLIGHT = 4
/** Gaps noticed longer ago than this are not asked for any more: their windows have gone, µs. */
const TOO_OLD = 10_000_000

interface Request {
  readonly first: number
  readonly end: number
  readonly at: number
}

export interface Resend {
  /** Sends what is due. `next` is one past the newest sample received, `retain` what the device keeps. */
  tick(gaps: readonly Gap[], next: number, retain: number, now: number): void
  /** The device no longer has these: nothing of them is asked for again. */
  lost(range: SampleRange, gaps: readonly Gap[]): void
  /** The device forgot what it was asked (reboot, carrier reopened). */
  reset(): void
}

/** Decides which gaps to ask the device for, and when. */
export function createResend(ask: (range: SampleRange) => void): Resend {
  let inFlight: Request[] = []

  function tick(gaps: readonly Gap[], next: number, retain: number, now: number) {
    inFlight = inFlight.filter(
      request => now - request.at < PATIENCE && gaps.some(gap => gap.first < request.end && request.first < gap.end),
    )
    let i = gaps.length
    while (i > 0 && now - gaps[i - 1]!.seen <= TOO_OLD) i--
    for (; i < gaps.length && inFlight.length < MAX_IN_FLIGHT; i++) {
      const gap = gaps[i]!
      if (gap.asks >= MAX_ASKS || now - (gap.asks ? gap.asked : gap.seen) < (gap.asks ? PATIENCE : GRACE)) continue
      const first = Math.max(gap.first, next - retain)
      gap.asks = first < gap.end ? gap.asks + 1 : MAX_ASKS
      if (first >= gap.end) continue
      gap.asked = now
      inFlight.push({ first, end: gap.end, at: now })
      ask({ first, count: gap.end - first })
    }
  }

  function lost(range: SampleRange, gaps: readonly Gap[]) {
    const end = range.first + range.count
    for (const gap of gaps) {
      // A gap that is gone only in part is asked for once more, so that what the device does have still comes.
      if (range.first <= gap.first && gap.end <= end) gap.asks = MAX_ASKS
    }
    inFlight = inFlight.filter(request => request.end <= range.first || end <= request.first)
  }

  function reset() {
    inFlight = []
  }

  return { tick, lost, reset }
}

import type { Gap } from './received-ranges.js'
import type { SampleRange } from './sample-range.js'

/** A gap younger than this may still be closed by a packet that was overtaken, µs. The specification allows 200 ms. */
const GRACE = 40_000
/** A gap is asked for again after this, and a request that was not answered ends, µs (spec/ecg-link.md, Behaviour 3). */
const PATIENCE = 1_000_000
const MAX_ASKS = 2
const MAX_IN_FLIGHT = 4
/** The last of them takes all gaps that wait, with what lies between, up to so many samples: better twice than never. */
const MAX_SPAN = 1_000
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
    const due = waiting(gaps, now)
    while (due.length > 0 && inFlight.length < MAX_IN_FLIGHT) {
      const lastRoom = inFlight.length === MAX_IN_FLIGHT - 1
      const from = Math.max(due[0]!.first, next - retain)
      const together = lastRoom ? due.filter(gap => gap.end - from <= MAX_SPAN || gap === due[0]) : due.slice(0, 1)
      due.splice(0, together.length)
      const end = together.at(-1)!.end
      for (const gap of together) {
        gap.asks = gap.end > next - retain ? gap.asks + 1 : MAX_ASKS
        gap.asked = now
      }
      if (from >= end) continue
      inFlight.push({ first: from, end, at: now })
      ask({ first: from, count: end - from })
    }
  }

  /** The gaps to ask for now, oldest samples first. */
  function waiting(gaps: readonly Gap[], now: number): Gap[] {
    let recent = gaps.length
    while (recent > 0 && now - gaps[recent - 1]!.seen <= TOO_OLD) recent--
    return gaps
      .slice(recent)
      .filter(gap => (gap.asks === 0 ? now - gap.seen >= GRACE : gap.asks < MAX_ASKS && now - gap.asked >= PATIENCE))
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

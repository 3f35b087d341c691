import type { Gap } from './received-ranges.js'
import type { SampleRange } from './sample-range.js'

/** A gap younger than this may still be closed by a packet that was overtaken, µs. The specification allows 200 ms. */
const GRACE = 40_000
/** A gap is asked for again after this, and a request that was not answered ends, µs (spec/ecg-link.md, Behaviour 3). */
const PATIENCE = 1_000_000
const MAX_ASKS = 2
const MAX_IN_FLIGHT = 4
/** The last of them takes the gaps that wait beside its first, with what lies between, up to so many samples: better twice than never. */
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
  /** The device sent these again. */
  answered(range: SampleRange): void
  /** The device no longer has these: gaps that lie in them are not asked for again. */
  lost(range: SampleRange, gaps: readonly Gap[]): void
  /** The device forgot what it was asked (reboot, carrier reopened). */
  reset(): void
}

/** Decides which gaps to ask the device for, and when. No gap is asked for more than twice, also not as part of a longer range. */
export function createResend(ask: (range: SampleRange) => void): Resend {
  let inFlight: Request[] = []

  function tick(gaps: readonly Gap[], next: number, retain: number, now: number) {
    inFlight = inFlight.filter(
      request => now - request.at < PATIENCE && gaps.some(gap => gap.first < request.end && request.first < gap.end),
    )
    const recent = recentOf(gaps, now)
    const oldest = next - retain
    for (const gap of recent) if (gap.end <= oldest) gap.asks = MAX_ASKS
    while (inFlight.length < MAX_IN_FLIGHT) {
      const together = choose(recent, inFlight.length === MAX_IN_FLIGHT - 1, now)
      if (together.length === 0) return
      const first = Math.max(together[0]!.first, oldest)
      const { end } = together.at(-1)!
      for (const gap of together) {
        gap.asks++
        gap.asked = now
      }
      inFlight.push({ first, end, at: now })
      ask({ first, count: end - first })
    }
  }

  /** The gap to ask for now, if any; with those beside it where there is room for one request only. */
  function choose(recent: readonly Gap[], lastRoom: boolean, now: number): readonly Gap[] {
    const isDue = ({ asks, asked, seen }: Gap) =>
      asks === 0 ? now - seen >= GRACE : asks < MAX_ASKS && now - asked >= PATIENCE
    // The first request has 200 ms, the second one any time after its second.
    const unasked = recent.findIndex(gap => gap.asks === 0 && isDue(gap))
    const begin = unasked >= 0 ? unasked : recent.findIndex(isDue)
    if (begin < 0) return []
    let end = begin + 1
    const fits = (gap: Gap | undefined) => gap && isDue(gap) && gap.end - recent[begin]!.first <= MAX_SPAN
    while (lastRoom && fits(recent[end])) end++
    return recent.slice(begin, end)
  }

  /** A device answers in order: with an answer to one request, those before it have had theirs, or never will. */
  function answered({ first, count }: SampleRange) {
    const end = first + count
    const newest = inFlight.findLastIndex(request => request.first < end && first < request.end)
    if (newest >= 0) inFlight = inFlight.slice(newest + (end >= inFlight[newest]!.end ? 1 : 0))
  }

  function lost(range: SampleRange, gaps: readonly Gap[]) {
    const end = range.first + range.count
    for (const gap of gaps) if (range.first <= gap.first && gap.end <= end) gap.asks = MAX_ASKS
    inFlight = inFlight.filter(request => request.end <= range.first || end <= request.first)
  }

  function reset() {
    inFlight = []
  }

  return { tick, answered, lost, reset }
}

/** The newest gaps, in the order of their samples. */
function recentOf(gaps: readonly Gap[], now: number): readonly Gap[] {
  let from = gaps.length
  while (from > 0 && now - gaps[from - 1]!.seen <= TOO_OLD) from--
  return gaps.slice(from)
}

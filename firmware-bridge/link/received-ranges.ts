/** Samples `first` … `end − 1`, skipped by the stream and not received since. */
export interface Gap {
  first: number
  end: number
  /** When it was noticed, host µs. */
  seen: number
  /** How often, and when last (host µs), the device was asked for it. */
  asks: number
  asked: number
}

export interface ReceivedRanges {
  /** One past the newest sample received; undefined before the first. */
  readonly next: number | undefined
  /** In the order of their samples. */
  readonly gaps: readonly Gap[]
  /** Samples in all gaps, also in those forgotten. */
  readonly missing: number
  /** Notes a block and hands out each part of it that had not been received before; answers how many samples had. */
  add(first: number, count: number, now: number, fresh: (first: number, count: number) => void): number
  /** Cuts gaps at these two places, so that what lies between is in gaps of its own. */
  cut(first: number, end: number): void
}

/** Gaps kept open for late samples: at 20 % loss and 36 packets a second the last ten minutes. Older ones stay missing for good. */
const MAX_GAPS = 4096

/** Exact account of which samples have been received: one range with gaps in it. */
export function createReceivedRanges(): ReceivedRanges {
  const gaps: Gap[] = []
  let start: number | undefined
  let next: number | undefined
  let missing = 0

  function open(first: number, end: number, now: number, position: number) {
    if (first >= end) return
    gaps.splice(position, 0, { first, end, seen: now, asks: 0, asked: 0 })
    missing += end - first
    forgetOldest()
  }

  function forgetOldest() {
    if (gaps.length > MAX_GAPS) gaps.shift()
  }

  /** Fills gaps with [first, end), which lies below `next`; answers how many samples were fresh. */
  function fill(first: number, end: number, fresh: (first: number, count: number) => void): number {
    let filled = 0
    let i = gaps.length
    while (i > 0 && gaps[i - 1]!.end > first) i--
    while (i < gaps.length && gaps[i]!.first < end) {
      const gap = gaps[i]!
      const from = Math.max(first, gap.first)
      const to = Math.min(end, gap.end)
      const rest: Gap[] = []
      if (gap.first < from) rest.push({ ...gap, end: from })
      if (to < gap.end) rest.push({ ...gap, first: to })
      gaps.splice(i, 1, ...rest)
      i += rest.length
      missing -= to - from
      filled += to - from
      fresh(from, to - from)
    }
    forgetOldest() // a block in the middle of a gap leaves two
    return filled
  }

  function add(first: number, count: number, now: number, fresh: (first: number, count: number) => void): number {
    const end = first + count
    if (start === undefined || next === undefined) {
      start = first
      next = end
      fresh(first, count)
      return 0
    }
    let known = count
    if (first < start) {
      // Reordered at the very beginning: what lies between was skipped like anything else.
      const to = Math.min(end, start)
      open(to, start, now, 0)
      start = first
      known -= to - first
      fresh(first, to - first)
    }
    known -= fill(Math.max(first, start), Math.min(end, next), fresh)
    if (end > next) {
      const from = Math.max(first, next)
      open(next, from, now, gaps.length)
      next = end
      known -= end - from
      fresh(from, end - from)
    }
    return known
  }

  function cut(first: number, end: number) {
    for (const at of [first, end]) {
      const i = gaps.findIndex(gap => gap.first < at && at < gap.end)
      if (i < 0 || gaps.length === MAX_GAPS) continue
      gaps.splice(i, 1, { ...gaps[i]!, end: at }, { ...gaps[i]!, first: at })
    }
  }

  return {
    get next() {
      return next
    },
    gaps,
    get missing() {
      return missing
    },
    add,
    cut,
  }
}

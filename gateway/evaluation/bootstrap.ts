import type { Interval, Weights } from './metrics.js'

export interface BootstrapOptions {
  readonly resamples: number
  readonly seed: number
}

/**
 * Percentile intervals (95 %) of several statistics at once, by drawing whole groups (patients) with replacement, because the
 * records of one patient are not independent. `groups[r]`: the group of record r. Resamples in which a statistic is not
 * defined (NaN) do not count for it. The same seed gives the same intervals.
 */
export function bootstrap(
  groups: readonly string[],
  statistics: (weights: Weights) => readonly number[],
  { resamples, seed }: BootstrapOptions,
): Interval[] {
  const random = mulberry32(seed)
  const numbers = new Map<string, number>()
  const groupOf = Int32Array.from(groups, group => {
    if (!numbers.has(group)) numbers.set(group, numbers.size)
    return numbers.get(group)!
  })
  const drawn = new Uint32Array(numbers.size)
  const weights = new Uint32Array(groups.length)
  const values = statistics(undefined)
  const seen = values.map(() => new Float64Array(resamples))
  for (let r = 0; r < resamples; r++) {
    drawn.fill(0)
    for (let g = 0; g < drawn.length; g++) drawn[Math.floor(random() * drawn.length)]!++
    for (let i = 0; i < weights.length; i++) weights[i] = drawn[groupOf[i]!]!
    statistics(weights).forEach((value, s) => {
      seen[s]![r] = value
    })
  }
  return values.map((value, s) => {
    const sorted = seen[s]!.filter(each => !Number.isNaN(each)).sort()
    return { value, low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) }
  })
}

/** Of sorted values, between neighbours by linear interpolation; NaN when there are none. */
function quantile(sorted: Float64Array, share: number): number {
  const at = (sorted.length - 1) * share
  const below = sorted[Math.floor(at)] ?? Number.NaN
  const above = sorted[Math.ceil(at)] ?? Number.NaN
  return below + (above - below) * (at - Math.floor(at))
}

/** Tommy Ettinger's mulberry32 (public domain): 32 bits of state, enough for draws that need no secrecy. Uniform in [0, 1). */
function mulberry32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

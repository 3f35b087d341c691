import type { Lead } from '../../ecg/leads.js'
import type { WindowQuality } from './ecg-window.js'
import type { StretchFacts } from './sample-line.js'

/**
 * Hard rules: what makes a window or a lead unfit whatever a model thinks of it. They look for broken measurement, not for
 * bad ECG, so that an alarming rhythm is never taken for a loose wire.
 */

/** More than this share missing: a fifth of ten seconds is two beats too many to guess. */
export const MOST_MISSING = 0.2
/** s. A longer gap may hide a pause or a run of VT whole; nor does a live amplifier repeat one count for as long. */
export const LONGEST_GAP = 2
/** mV peak to peak over a window. The AHA and IEC call even QRS below 0.5 mV low voltage; amplifier noise stays under this. */
export const FLAT = 0.02
/** Share of a window at exactly its highest or lowest value that only a rail explains; QRS peaks stay below 1 %. */
export const RAIL_SHARE = 0.05
/** mV from the window's mean. A rail is far off; without this, the baseline of an ECG without noise would look like one. */
export const RAIL_DISTANCE = 1
/** mV from the window's mean. Surface QRS stays below 6 mV even in extreme hypertrophy. */
export const IMPLAUSIBLE = 10
/** Share of a window beyond IMPLAUSIBLE that makes the channel unfit: 200 ms of 10 s, more than any train of pacing pulses. */
export const IMPLAUSIBLE_SHARE = 0.02
/** Share of a window from blocks flagged as saturated that leaves nothing to read. */
export const MOST_SATURATED = 0.5

/** What can be said of one channel's samples. `fault`: why it is unfit, as the end of "Channel V3 …". */
export interface ChannelFacts {
  readonly missing: number
  readonly fault: string | undefined
}

/** `x`: mV at `rate`, NaN = missing. */
export function channelFacts(x: Float32Array, rate: number): ChannelFacts {
  const { missing, longestGap, mean, lowest, highest, atLowest, atHighest } = extent(x)
  const unfit = (fault: string | undefined): ChannelFacts => ({ missing, fault })
  if (missing > MOST_MISSING * x.length || longestGap > LONGEST_GAP * rate) return unfit('has too few samples')
  if (highest - lowest < FLAT) return unfit('is flat')
  const held = longestHold(x, LONGEST_GAP * rate)
  const atRail = (mean - lowest > RAIL_DISTANCE ? atLowest : 0) + (highest - mean > RAIL_DISTANCE ? atHighest : 0)
  let far = 0
  if (Math.max(highest - mean, mean - lowest) > IMPLAUSIBLE)
    for (let i = 0; i < x.length; i++) if (Math.abs(x[i]! - mean) > IMPLAUSIBLE) far++
  if (atRail > RAIL_SHARE * x.length) return unfit('is saturated')
  if (held > LONGEST_GAP * rate) return unfit(`stands still for ${(held / rate).toFixed(1)} s`)
  if (far > IMPLAUSIBLE_SHARE * x.length)
    return unfit(`is more than ${IMPLAUSIBLE} mV off for ${percent(far / x.length)}`)
  return unfit(undefined)
}

/**
 * Most times in a row that a sample repeats the one before, if that is more than `atLeast`; else 0. A run of so many covers one of
 * the samples that lie `atLeast` apart, so only what surrounds those is looked at.
 */
function longestHold(x: Float32Array, atLeast: number): number {
  let longest = 0
  const step = Math.max(1, Math.floor(atLeast))
  for (let at = 0; at < x.length; at += step) {
    let first = at
    let last = at
    while (x[first - 1] === x[at]) first--
    while (x[last + 1] === x[at]) last++
    longest = Math.max(longest, last - first)
  }
  return longest > atLeast ? longest : 0
}

interface Extent {
  missing: number
  longestGap: number
  mean: number
  lowest: number
  highest: number
  /** How many samples have exactly the lowest value … */
  atLowest: number
  /** … and the highest. */
  atHighest: number
}

function extent(x: Float32Array): Extent {
  let missing = 0
  let gap = 0
  let longestGap = 0
  let sum = 0
  let lowest = Number.POSITIVE_INFINITY
  let highest = Number.NEGATIVE_INFINITY
  let atLowest = 0
  let atHighest = 0
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!
    if (Number.isNaN(value)) {
      missing++
      if (++gap > longestGap) longestGap = gap
      continue
    }
    gap = 0
    sum += value
    if (value < lowest) {
      lowest = value
      atLowest = 0
    }
    if (value > highest) {
      highest = value
      atHighest = 0
    }
    if (value === lowest) atLowest++
    if (value === highest) atHighest++
  }
  return { missing, longestGap, mean: sum / (x.length - missing), lowest, highest, atLowest, atHighest }
}

/** What there is to object to in a window. */
export interface WindowFacts extends StretchFacts {
  readonly samples: number
  readonly rate: number
  readonly leads: number
  readonly usable: number
  readonly minimumLeads: number
  readonly leadsOff: readonly Lead[]
  readonly leadsAbsent: readonly Lead[]
  /** What a quality model thinks of the window, 0 … 1. */
  readonly readability: number
  /** One sentence per channel that is unfit or has holes of its own, and what the quality model objects to. */
  readonly faults: readonly string[]
}

export interface Verdict {
  readonly quality: WindowQuality
  readonly score: number
  readonly reasons: readonly string[]
}

export function judge(facts: WindowFacts): Verdict {
  const { samples, rate, leads, usable, missing, longestGap, saturated, leadsOff, leadsAbsent } = facts
  const fatal: string[] = []
  const minor: string[] = []
  if (missing > MOST_MISSING * samples) fatal.push(`${missing} of ${samples} samples are missing.`)
  else if (missing > 0) minor.push(`${missing} of ${samples} samples are missing.`)
  if (longestGap > LONGEST_GAP * rate) fatal.push(`There is a gap of ${(longestGap / rate).toFixed(1)} s.`)
  if (saturated > 0) {
    const into = saturated > MOST_SATURATED * samples ? fatal : minor
    into.push(`The amplifier was saturated for ${percent(saturated / samples)}.`)
  }
  if (usable < facts.minimumLeads)
    fatal.push(`${usable} of ${leads} leads can be used, and the model needs ${facts.minimumLeads}.`)
  if (leadsOff.length > 0) minor.push(`Electrodes are off: ${leadsOff.join(', ')} cannot be used.`)
  if (leadsAbsent.length > 0) minor.push(`The device does not give ${leadsAbsent.join(', ')}.`)
  minor.push(...facts.faults)
  const reasons = [...fatal, ...minor]
  if (fatal.length > 0) return { quality: 'uninterpretable', score: 0, reasons }
  const score = facts.readability * (usable / leads) * (1 - missing / samples) * (1 - saturated / samples)
  return { quality: reasons.length > 0 ? 'degraded' : 'good', score, reasons }
}

const percent = (share: number): string => `${Math.max(1, Math.round(share * 100))} % of the window`

import { FEATURES } from '../../models/bundle/quality-model.js'

/**
 * What the quality model looks at in each channel: figures of ten seconds in mV at 100 Hz, as the network gets them. The same as
 * quantize/ecgclip/quality/features.py, which says what each of them is; a test holds the two together.
 */

const SAMPLES = 1000
const BLOCK = 50
const BLOCKS = SAMPLES / BLOCK
const SHORT = 20
const SHORTS = SAMPLES / SHORT
const GROUP = 4
const GROUPS = SAMPLES / GROUP
const STILL = 0.002
const FLOOR = 1e-3
const TINY = 1e-9

const AGREES_BEST = FEATURES.indexOf('agrees_best')
const AGREES_FOURTH = FEATURES.indexOf('agrees_fourth')

const peaks = new Float64Array(BLOCKS)
const slopes = new Float64Array(BLOCKS)
const means = new Float64Array(BLOCKS)
const quiet = new Float64Array(SHORTS)
const groups = new Float64Array(GROUPS)

/** A row of features for each channel; NaN where one channel has no other to agree with. */
export function leadFeatures(channels: readonly Float32Array[]): Float64Array[] {
  const envelopes = channels.map(() => new Float64Array(GROUPS))
  const rows = channels.map((x, k) => ownFeatures(x, envelopes[k]!))
  const agreement = envelopes.map(one => envelopes.map(other => (one === other ? -1 : product(one, other) / GROUPS)))
  rows.forEach((row, k) => {
    const ranked = agreement[k]!.filter((_, other) => other !== k).sort((a, b) => b - a)
    row[AGREES_BEST] = ranked[0] ?? Number.NaN
    row[AGREES_FOURTH] = ranked[Math.min(3, ranked.length - 1)] ?? Number.NaN
  })
  return rows
}

/** All but agreement; fills `envelope`, whose mean is 0 and whose power is 1. */
function ownFeatures(x: Float32Array, envelope: Float64Array): Float64Array {
  let lowest = x[0]!
  let highest = x[0]!
  let sum = 0
  let previousStep = 0
  let stepHigh = 0
  let still = 0
  let roughness = 0
  slopes.fill(0)
  quiet.fill(0)
  groups.fill(0)
  for (let block = 0; block < BLOCKS; block++) {
    let low = Number.POSITIVE_INFINITY
    let high = Number.NEGATIVE_INFINITY
    let blockSum = 0
    for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++) {
      const value = x[i]!
      if (value < low) low = value
      if (value > high) high = value
      blockSum += value
      if (i + 1 === SAMPLES) continue
      const step = x[i + 1]! - value
      const size = Math.abs(step)
      if (size > stepHigh) stepHigh = size
      if (size < STILL) still++
      slopes[block]! += size / BLOCK
      groups[Math.floor(i / GROUP)]! += step * step
      if (i > 0) {
        const change = Math.abs(step - previousStep)
        roughness += change
        quiet[Math.floor((i - 1) / SHORT)]! += change / SHORT
      }
      previousStep = step
    }
    peaks[block] = high - low
    means[block] = blockSum / BLOCK
    sum += blockSum
    if (low < lowest) lowest = low
    if (high > highest) highest = high
  }
  const mean = sum / SAMPLES
  let wander = 0
  let wanderStep = 0
  for (let block = 0; block < BLOCKS; block++) {
    wander += (means[block]! - mean) ** 2
    if (block > 0) wanderStep = Math.max(wanderStep, Math.abs(means[block]! - means[block - 1]!))
  }
  peaks.sort()
  slopes.sort()
  quiet.sort()
  return Float64Array.of(
    log((peaks[9]! + peaks[10]!) / 2),
    log(peaks[2]!),
    log(peaks[BLOCKS - 1]!),
    log(Math.sqrt(wander / BLOCKS)),
    log(wanderStep),
    log(highest - lowest),
    log(stepHigh),
    still / (SAMPLES - 1),
    log(slopes[BLOCKS - 1]!),
    log(slopes[9]! + slopes[10]!),
    log(roughness / (SAMPLES - 2)),
    log(quiet[10]!),
    log(fillEnvelope(envelope)),
    Number.NaN,
    Number.NaN,
    log(kurtosis(x, mean)),
  )
}

/** From `groups`, sums of squared steps. Returns its kurtosis. */
function fillEnvelope(envelope: Float64Array): number {
  const last = GROUPS - 1
  for (let k = 0; k < GROUPS; k++) groups[k] = Math.sqrt(groups[k]!)
  let sum = 0
  for (let k = 0; k < GROUPS; k++) {
    const smooth = k === 0 || k === last ? groups[k]! : (groups[k - 1]! + 2 * groups[k]! + groups[k + 1]!) / 4
    envelope[k] = smooth
    sum += smooth
  }
  let square = 0
  let fourth = 0
  for (let k = 0; k < GROUPS; k++) {
    const centred = envelope[k]! - sum / GROUPS
    envelope[k] = centred
    square += centred ** 2
    fourth += centred ** 4
  }
  const power = square / GROUPS + TINY
  for (let k = 0; k < GROUPS; k++) envelope[k]! /= Math.sqrt(power)
  return fourth / GROUPS / power ** 2
}

function kurtosis(x: Float32Array, mean: number): number {
  let square = 0
  let fourth = 0
  for (let i = 0; i < x.length; i++) {
    const power = (x[i]! - mean) ** 2
    square += power
    fourth += power * power
  }
  return fourth / x.length / (square / x.length + TINY) ** 2
}

function product(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!
  return sum
}

const log = (value: number): number => Math.log10(value + FLOOR)

import type { QualityModel } from '../../models/bundle/quality-model.js'
import { leadFeatures } from './lead-features.js'

/** What the quality model says of a window: 1 = as ECG that people accept. */
export interface Readability {
  readonly window: number
  /** Of each channel, in the order given. */
  readonly channels: readonly number[]
}

/**
 * Of the fit channels of one window, at the model's rate. A channel's odds of being unreadable are log-linear in its features, the
 * window's odds the sum of its channels'.
 */
export function readability(model: QualityModel, channels: readonly Float32Array[]): Readability {
  const odds = leadFeatures(channels).map(features => Math.exp(logOdds(model, features)))
  return { window: 1 / (1 + odds.reduce((sum, it) => sum + it, 0)), channels: odds.map(it => 1 / (1 + it)) }
}

/**
 * Which channels are so surely unreadable that the network had better not see them. None, if that were half of them or more: a wire
 * disturbs some leads, and what disturbs most of them may be the heart.
 */
export function unreadable({ thresholds }: QualityModel, { channels }: Readability): boolean[] {
  const below = channels.map(it => it < thresholds.lead.value)
  return 2 * below.filter(Boolean).length < channels.length ? below : channels.map(() => false)
}

/** A feature that is not known says nothing. */
function logOdds({ mean, deviation, weights, bias, limit }: QualityModel, features: Float64Array): number {
  let sum = bias
  for (let k = 0; k < features.length; k++) {
    const z = (features[k]! - mean[k]!) / deviation[k]!
    if (!Number.isNaN(z)) sum += weights[k]! * Math.min(limit, Math.max(-limit, z))
  }
  return sum
}

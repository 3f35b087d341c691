import type { AddedHead } from './worker-protocol.js'

/** Logits of heads that the model does not have, from its features, [channels, time], pooled as its own heads are. */
export function addedLogits(heads: readonly AddedHead[], features: Float32Array, channels: number): number[] {
  const pooled = meanAndMaximum(features, channels)
  const length = Math.hypot(...pooled)
  return heads.map(({ weights, bias, cosineScale }) => {
    const product = weights.reduce((sum, weight, i) => sum + weight * pooled[i]!, 0)
    if (cosineScale === null) return product + bias
    // No features at all lie at no angle.
    return (length === 0 ? 0 : (cosineScale * product) / (length * Math.hypot(...weights))) + bias
  })
}

function meanAndMaximum(features: Float32Array, channels: number): Float64Array {
  const pooled = new Float64Array(2 * channels)
  const length = features.length / channels
  for (let channel = 0; channel < channels; channel++) {
    const row = features.subarray(channel * length, (channel + 1) * length)
    pooled[channel] = row.reduce((sum, value) => sum + value, 0) / length
    pooled[channels + channel] = row.reduce((most, value) => Math.max(most, value), -Infinity)
  }
  return pooled
}

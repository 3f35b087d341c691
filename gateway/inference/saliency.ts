/**
 * Class-activation saliency of a linear head on mean and maximum pooling over time: what each feature time step gave to the
 * logit. The logit is Σ_c w_mean,c · mean_t f_c,t + w_max,c · max_t f_c,t + bias, so step t gave w_mean · f_t / L, and of a
 * channel's maximum all, where it first stands. Sums to logit − bias.
 *
 * `features`: [channels, L]; `weights`: [tasks, 2 × channels] and more.
 */
export function saliencyOf(
  features: Float32Array,
  weights: Float32Array,
  task: number,
  channels: number,
): Float32Array<ArrayBuffer> {
  const length = features.length / channels
  const contributions = new Float64Array(length)
  for (let channel = 0; channel < channels; channel++) {
    const row = channel * length
    const weight = weights[2 * channels * task + channel]! / length
    let peak = 0
    for (let t = 0; t < length; t++) {
      const feature = features[row + t]!
      contributions[t]! += weight * feature
      if (feature > features[row + peak]!) peak = t
    }
    contributions[peak]! += weights[2 * channels * task + channels + channel]! * features[row + peak]!
  }
  return Float32Array.from(contributions)
}

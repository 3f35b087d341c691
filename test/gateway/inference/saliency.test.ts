import t from 'tap'
import { saliencyOf } from '../../../gateway/inference/saliency.js'

t.test('the mean’s weight goes to every step, the maximum’s to where it first stands', async t => {
  const features = Float32Array.of(1, 3, 3, 1, /* channel 1 */ 0, 0, 0, 4)
  const weights = Float32Array.of(0, 0, 0, 0, /* task 1 */ 2, 0, 10, -1)
  t.same(saliencyOf(features, weights, 1, 2), Float32Array.of(0.5, 31.5, 1.5, 0.5 - 4))
  t.same(saliencyOf(features, weights, 0, 2), new Float32Array(4))
})

t.test('steps add up to the logit without its bias', async t => {
  const [channels, length, tasks] = [192, 63, 5]
  const random = (_: unknown, i: number) => Math.sin(i * i)
  const features = Float32Array.from({ length: channels * length }, (_, i) => Math.max(0, random(_, i)))
  const weights = Float32Array.from({ length: tasks * 2 * channels }, random)
  for (let task = 0; task < tasks; task++) {
    let logit = 0
    for (let channel = 0; channel < channels; channel++) {
      const steps = features.subarray(channel * length, (channel + 1) * length)
      logit += (weights[2 * channels * task + channel]! * steps.reduce((sum, step) => sum + step, 0)) / length
      logit += weights[2 * channels * task + channels + channel]! * Math.max(...steps)
    }
    const sum = saliencyOf(features, weights, task, channels).reduce((sum, step) => sum + step, 0)
    t.ok(Math.abs(sum - logit) < 1e-5, `${sum} and ${logit}`)
  }
})

import type { Manifest } from '../../models/bundle/manifest.js'
import type { Answer } from './inference-engine.js'

/** More would be noise: the calibration itself is not known to six digits. */
const SIGNIFICANT_DIGITS = 6

/** Probability by task id, as assessments publish it. */
export function publishedProbabilities(
  { probabilities }: Pick<Answer, 'probabilities'>,
  { tasks }: Pick<Manifest, 'tasks'>,
): Record<string, number> {
  return Object.fromEntries(
    tasks.map(({ id }, task) => [id, Number(probabilities[task]!.toPrecision(SIGNIFICANT_DIGITS))]),
  )
}

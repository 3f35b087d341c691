/** More would be noise: the calibration itself is not known to six digits. And half the bytes of a float32 written as a double. */
const SIGNIFICANT_DIGITS = 6

/** Probability by task id, as assessments and `assess --json` write it. */
export function publishedProbabilities(
  probabilities: ArrayLike<number>,
  taskIds: readonly string[],
): Record<string, number> {
  return Object.fromEntries(
    taskIds.map((id, task) => [id, Number(probabilities[task]!.toPrecision(SIGNIFICANT_DIGITS))]),
  )
}

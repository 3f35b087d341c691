/** Of the values that are numbers; undefined when none is. */
export function median(values: readonly number[]): number | undefined {
  const sorted = values.filter(value => !Number.isNaN(value)).sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

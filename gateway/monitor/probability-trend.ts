/** Windows that are remembered: twenty minutes at the default hop. */
export const TREND_WINDOWS = 240
/** A sparkline shows no more than thousandths. */
const STEP = 1000

/** Every task's probability in the last windows of one patient. */
export interface ProbabilityTrend {
  /** None for a window without findings. */
  add(tasks: Readonly<Record<string, number>>): void
  /** By task id, oldest first. */
  values(): Record<string, (number | null)[]>
}

export function createProbabilityTrend(): ProbabilityTrend {
  const windows: Readonly<Record<string, number>>[] = []
  return {
    add(tasks) {
      windows.push(tasks)
      if (windows.length > TREND_WINDOWS) windows.shift()
    },
    values() {
      const ids = new Set(windows.flatMap(tasks => Object.keys(tasks)))
      const trend = (id: string) =>
        windows.map(tasks => (tasks[id] === undefined ? null : Math.round(tasks[id] * STEP) / STEP))
      return Object.fromEntries([...ids].map(id => [id, trend(id)]))
    },
  }
}

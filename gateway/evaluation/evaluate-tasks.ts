import { type BootstrapOptions, bootstrap } from './bootstrap.js'
import {
  auroc,
  averagePrecision,
  brier,
  calibrationInTheLarge,
  expectedCalibrationError,
  type Interval,
  type OperatingPoint,
  operatingPoint,
  rankTask,
} from './metrics.js'

/** One task over all records, in one order for all tasks. */
export interface TaskAnswers {
  readonly id: string
  /** Undefined where nothing is known; such a record does not count for this task. */
  readonly labels: ArrayLike<0 | 1 | undefined>
  /** NaN where there is no answer; such a record does not count for this task. */
  readonly probabilities: ArrayLike<number>
  readonly threshold: number
}

export interface TaskReport {
  readonly id: string
  readonly records: number
  readonly positives: number
  readonly auroc: Interval
  readonly prauc: Interval
  readonly brier: number
  readonly expectedCalibrationError: number
  readonly calibrationInTheLarge: number
  readonly operatingPoint: OperatingPoint
}

export interface EvaluationReport {
  readonly tasks: readonly TaskReport[]
  /** Plain means over the tasks with at least `minimumPositives` positives and a negative. */
  readonly macro: { readonly tasks: number; readonly auroc: Interval; readonly prauc: Interval }
}

export interface EvaluationOptions extends BootstrapOptions {
  /** Below this many positives a task's figures are too loose to be averaged with others. */
  readonly minimumPositives: number
}

/** `patients[r]`: whose record r is; the unit of the confidence intervals. What is not defined is NaN. */
export function evaluateTasks(
  answers: readonly TaskAnswers[],
  patients: readonly string[],
  options: EvaluationOptions,
): EvaluationReport {
  const ranked = answers.map(({ labels, probabilities }) => rankTask(labels, probabilities))
  const averaged = ranked.map(
    ({ positives, records }) => positives >= options.minimumPositives && positives < records.length,
  )
  const intervals = bootstrap(
    patients,
    weights => {
      const areas = ranked.map(task => auroc(task, weights))
      const precisions = ranked.map(task => averagePrecision(task, weights))
      return [...areas, ...precisions, meanOf(areas, averaged), meanOf(precisions, averaged)]
    },
    options,
  )
  const count = answers.length
  return {
    tasks: answers.map(({ id, threshold }, i) => ({
      id,
      records: ranked[i]!.records.length,
      positives: ranked[i]!.positives,
      auroc: intervals[i]!,
      prauc: intervals[count + i]!,
      brier: brier(ranked[i]!),
      expectedCalibrationError: expectedCalibrationError(ranked[i]!),
      calibrationInTheLarge: calibrationInTheLarge(ranked[i]!),
      operatingPoint: operatingPoint(ranked[i]!, threshold),
    })),
    macro: {
      tasks: averaged.filter(Boolean).length,
      auroc: intervals[2 * count]!,
      prauc: intervals[2 * count + 1]!,
    },
  }
}

/** Of those that are chosen and, in this resample, defined. */
function meanOf(values: readonly number[], chosen: readonly boolean[]): number {
  const defined = values.filter((value, i) => chosen[i] && !Number.isNaN(value))
  return defined.reduce((sum, value) => sum + value, 0) / defined.length
}

/**
 * How good probabilities are, one task at a time. `weights` say how often each record counts (bootstrap resamples); without
 * them each counts once. A metric that is not defined, such as the AUROC of one class, is NaN.
 */

/** One task's records, sorted once by falling score, so that every metric is one pass over them. */
export interface RankedTask {
  /** Numbers of the records, which index `weights`. */
  readonly records: Int32Array
  readonly labels: Uint8Array
  readonly scores: Float64Array
  readonly positives: number
}

export type Weights = ArrayLike<number> | undefined

/** Leaves out records without a label or without a score (undefined or NaN). */
export function rankTask(labels: ArrayLike<0 | 1 | undefined>, scores: ArrayLike<number>): RankedTask {
  const known = Array.from(labels, (_, record) => record).filter(
    record => labels[record] !== undefined && !Number.isNaN(scores[record] ?? Number.NaN),
  )
  const records = Int32Array.from(known).sort((a, b) => scores[b]! - scores[a]! || a - b)
  const sorted = Uint8Array.from(records, record => labels[record]!)
  return {
    records,
    labels: sorted,
    scores: Float64Array.from(records, record => scores[record]!),
    positives: sorted.reduce((sum, label) => sum + label, 0),
  }
}

const weightOf = (weights: Weights, record: number): number => (weights ? weights[record]! : 1)

/** Calls `tie` once for all records of one score, from the highest score down, with the weight of its positives and negatives. */
function forEachTie(task: RankedTask, weights: Weights, tie: (positives: number, negatives: number) => void): void {
  const { records, labels, scores } = task
  let positives = 0
  let negatives = 0
  for (let i = 0; i < records.length; i++) {
    const weight = weightOf(weights, records[i]!)
    if (labels[i]) positives += weight
    else negatives += weight
    if (scores[i] === scores[i + 1]) continue
    tie(positives, negatives)
    positives = 0
    negatives = 0
  }
}

/** Area under the ROC curve: the chance that a positive has a higher score than a negative; a tie counts half. */
export function auroc(task: RankedTask, weights?: Weights): number {
  let [above, negatives, area] = [0, 0, 0]
  forEachTie(task, weights, (tiedPositives, tiedNegatives) => {
    area += tiedNegatives * (above + tiedPositives / 2)
    above += tiedPositives
    negatives += tiedNegatives
  })
  return area / (above * negatives)
}

/** Area under the precision-recall curve as the sum of precision × rise in recall (scikit-learn's average_precision_score). */
export function averagePrecision(task: RankedTask, weights?: Weights): number {
  let [positives, all, sum] = [0, 0, 0]
  forEachTie(task, weights, (tiedPositives, tiedNegatives) => {
    positives += tiedPositives
    all += tiedPositives + tiedNegatives
    if (all > 0) sum += (tiedPositives * positives) / all
  })
  return sum / positives
}

/** Mean squared distance of the probability from the outcome. */
export function brier(task: RankedTask): number {
  return mean(task, i => (task.scores[i]! - task.labels[i]!) ** 2)
}

/** Mean probability minus prevalence; above 0 the model promises too much. */
export function calibrationInTheLarge(task: RankedTask): number {
  return mean(task, i => task.scores[i]! - task.labels[i]!)
}

function mean({ records }: RankedTask, value: (i: number) => number): number {
  let sum = 0
  for (let i = 0; i < records.length; i++) sum += value(i)
  return sum / records.length
}

/** Bins of equal width in which probability and outcome are compared; ten is what the literature reports. */
const CALIBRATION_BINS = 10

/** Expected calibration error: mean distance of probability from frequency over bins of equal width, weighted by their size. */
export function expectedCalibrationError({ records, labels, scores }: RankedTask): number {
  const excess = new Float64Array(CALIBRATION_BINS)
  for (let i = 0; i < records.length; i++) {
    const bin = Math.min(Math.floor(scores[i]! * CALIBRATION_BINS), CALIBRATION_BINS - 1)
    excess[bin]! += scores[i]! - labels[i]!
  }
  return excess.reduce((sum, value) => sum + Math.abs(value), 0) / records.length
}

/** A value with its 95 % confidence interval. */
export interface Interval {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** What happens when everything at or above `threshold` is called positive. */
export interface OperatingPoint {
  readonly threshold: number
  readonly truePositives: number
  readonly falsePositives: number
  readonly falseNegatives: number
  readonly trueNegatives: number
  readonly sensitivity: Interval
  readonly specificity: Interval
  readonly positivePredictiveValue: Interval
  readonly negativePredictiveValue: Interval
}

export function operatingPoint({ records, labels, scores, positives }: RankedTask, threshold: number): OperatingPoint {
  let called = 0
  let truePositives = 0
  while (called < records.length && scores[called]! >= threshold) truePositives += labels[called++]!
  const falsePositives = called - truePositives
  const falseNegatives = positives - truePositives
  const trueNegatives = records.length - called - falseNegatives
  return {
    threshold,
    truePositives,
    falsePositives,
    falseNegatives,
    trueNegatives,
    sensitivity: wilson(truePositives, positives),
    specificity: wilson(trueNegatives, records.length - positives),
    positivePredictiveValue: wilson(truePositives, called),
    negativePredictiveValue: wilson(trueNegatives, records.length - called),
  }
}

/** 97.5 % quantile of the normal distribution. */
const Z = 1.959963984540054

/** A proportion with Wilson's score interval (JASA 22:209, 1927), which holds for small counts, too. */
export function wilson(successes: number, trials: number): Interval {
  const share = successes / trials
  const centre = (share + Z ** 2 / (2 * trials)) / (1 + Z ** 2 / trials)
  const half = (Z / (1 + Z ** 2 / trials)) * Math.sqrt((share * (1 - share)) / trials + Z ** 2 / (4 * trials ** 2))
  return { value: share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) }
}

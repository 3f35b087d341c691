import { readFileSync } from 'node:fs'
import t from 'tap'
import { bootstrap } from '../../../gateway/evaluation/bootstrap.js'
import { evaluateTasks } from '../../../gateway/evaluation/evaluate-tasks.js'
import * as metrics from '../../../gateway/evaluation/metrics.js'

interface Case {
  name: string
  labels: (0 | 1)[]
  scores: number[]
  weights: number[]
  auroc: number
  prauc: number
  weightedAuroc: number
  weightedPrauc: number
  brier: number
  ece: number
  inTheLarge: number
  counts: number[]
  intervals: [number, number, number][]
}
const cases: Case[] = JSON.parse(readFileSync('test/gateway/evaluation/vectors/metrics.json', 'utf8'))

const close = (a: number, b: number): boolean => Math.abs(a - b) < 1e-12

t.test('every figure is that of scikit-learn and SciPy', async t => {
  for (const expected of cases) {
    const task = metrics.rankTask(expected.labels, expected.scores)
    const figures: [string, number, number][] = [
      ['AUROC', metrics.auroc(task), expected.auroc],
      ['average precision', metrics.averagePrecision(task), expected.prauc],
      ['weighted AUROC', metrics.auroc(task, expected.weights), expected.weightedAuroc],
      ['weighted average precision', metrics.averagePrecision(task, expected.weights), expected.weightedPrauc],
      ['Brier score', metrics.brier(task), expected.brier],
      ['calibration error', metrics.expectedCalibrationError(task), expected.ece],
      ['calibration in the large', metrics.calibrationInTheLarge(task), expected.inTheLarge],
    ]
    for (const [figure, ours, theirs] of figures)
      t.ok(close(ours, theirs), `${figure}, ${expected.name}: ${ours} ${theirs}`)
    const point = metrics.operatingPoint(task, 0.5)
    t.same([point.truePositives, point.falsePositives, point.falseNegatives, point.trueNegatives], expected.counts)
    const { sensitivity, specificity, positivePredictiveValue, negativePredictiveValue } = point
    const intervals = [sensitivity, specificity, positivePredictiveValue, negativePredictiveValue]
    intervals.forEach(({ value, low, high }, i) => {
      const ok = [value, low, high].every((ours, k) => close(ours, expected.intervals[i]![k]!))
      t.ok(ok, `interval ${i}, ${expected.name}: ${[value, low, high]} ${expected.intervals[i]}`)
    })
  }
  t.equal(cases.length, 5)
})

t.test('what is not defined is NaN, not a number that looks like one', async t => {
  const none = metrics.rankTask([0, 0, 0], [0.1, 0.2, 0.3])
  t.ok(Number.isNaN(metrics.auroc(none)))
  t.ok(Number.isNaN(metrics.averagePrecision(none)))
  t.ok(Number.isNaN(metrics.auroc(metrics.rankTask([1, 1], [0.1, 0.2]))))
  t.ok(Number.isNaN(metrics.operatingPoint(none, 0.5).sensitivity.value))
  t.ok(Number.isNaN(metrics.brier(metrics.rankTask([], []))))
  t.equal(metrics.operatingPoint(none, 0.5).specificity.value, 1)
})

t.test('records without a label or an answer do not count', async t => {
  const task = metrics.rankTask([1, undefined, 0, 0], [0.9, 0.8, Number.NaN, 0.1])
  t.same([...task.records], [0, 3])
  t.equal(metrics.auroc(task), 1)
})

t.test('bootstrap intervals: the same for one seed, wider for dependent records, about right', async t => {
  const { labels, scores } = cases[0]!
  const task = metrics.rankTask(labels, scores)
  const statistics = (weights: metrics.Weights) => [metrics.auroc(task, weights)]
  const alone = labels.map((_, i) => `p${i}`)
  const once = bootstrap(alone, statistics, { resamples: 1000, seed: 1 })
  t.same(bootstrap(alone, statistics, { resamples: 1000, seed: 1 }), once)
  t.notSame(bootstrap(alone, statistics, { resamples: 1000, seed: 2 }), once)
  const [{ value, low, high }] = once as [metrics.Interval]
  t.equal(value, metrics.auroc(task))
  // Hanley and McNeil's standard error (Radiology 143:29, 1982), within a quarter.
  const [p, n] = [task.positives, labels.length - task.positives]
  const [q1, q2] = [value / (2 - value), (2 * value ** 2) / (1 + value)]
  const error = Math.sqrt((value * (1 - value) + (p - 1) * (q1 - value ** 2) + (n - 1) * (q2 - value ** 2)) / (p * n))
  t.ok(Math.abs((high - low) / (2 * 1.96 * error) - 1) < 0.25)

  // Each record four times over is no more evidence than once, when the four are one patient's.
  const four = metrics.rankTask(
    [...labels, ...labels, ...labels, ...labels],
    [...scores, ...scores, ...scores, ...scores],
  )
  const repeated = [...alone, ...alone, ...alone, ...alone]
  const [grouped] = bootstrap(repeated, weights => [metrics.auroc(four, weights)], { resamples: 1000, seed: 1 })
  t.ok(close(grouped!.low, low) && close(grouped!.high, high))
})

t.test('a resample in which a statistic is not defined does not count', async t => {
  const task = metrics.rankTask([1, 0, 0], [0.9, 0.5, 0.1])
  const [interval] = bootstrap(['a', 'b', 'c'], weights => [metrics.auroc(task, weights)], { resamples: 200, seed: 3 })
  t.same(interval, { value: 1, low: 1, high: 1 })
})

t.test('macro figures are over the tasks with enough positives', async t => {
  const answers = cases.map(({ name, labels, scores }) => ({ id: name, labels, probabilities: scores, threshold: 0.5 }))
  const same = answers.filter(({ labels }) => labels.length === 300)
  const rare = { ...answers[3]!, labels: [...answers[3]!.labels, ...Array(100).fill(undefined)], threshold: 0.9 }
  const patients = same[0]!.labels.map((_, i) => `p${i >> 1}`)
  const options = { resamples: 200, seed: 5, minimumPositives: 10 }
  const report = evaluateTasks([...same, rare], patients, options)
  t.same(
    report.tasks.map(task => task.id),
    ['informed', 'many ties', 'uninformed', 'upside down', 'rare'],
  )
  t.match(report.tasks[4], { records: 200, positives: 3, operatingPoint: { threshold: 0.9 } })
  t.equal(report.macro.tasks, 4)
  const mean = same.reduce((sum, _, i) => sum + report.tasks[i]!.auroc.value, 0) / 4
  t.ok(close(report.macro.auroc.value, mean))
  t.ok(report.macro.prauc.low < report.macro.prauc.value && report.macro.prauc.value < report.macro.prauc.high)
  t.same(evaluateTasks([...same, rare], patients, options), report)
})

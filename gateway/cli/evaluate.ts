import { SingleBar as ProgressBar, type SingleBar } from 'cli-progress'
import { Command, InvalidArgumentError } from 'commander'
import { EcgclipError } from '../../ecg/ecgclip-error.js'
import { type EvaluationReport, evaluateTasks } from '../evaluation/evaluate-tasks.js'
import { readLabelTable } from '../evaluation/label-table.js'
import type { Interval } from '../evaluation/metrics.js'
import { assessRecords, openOfflineModel, recordsAt } from '../offline-assessment.js'
import { formatTable } from './format-table.js'
import { type ModelFlags, modelOptions, number } from './options.js'

interface EvaluateFlags extends ModelFlags {
  labels: string
  where?: Record<string, string>
  minPositives: number
  resamples: number
  json?: boolean
}

/** Resampling is part of the result: with another seed the intervals differ in the third digit. */
const SEED = 1
const WHOLE_RECORD_HOP = 10

/** `ecgclip evaluate`: how good a bundle is on labelled records, task by task. */
export function evaluateCommand(): Command {
  return modelOptions(new Command('evaluate'))
    .description('PRAUC, AUROC, calibration and operating points per task, with 95 % intervals over patients')
    .argument('<dir>', 'folder of WFDB or EDF records')
    .requiredOption('--labels <csv>', 'first column the record, one 0/1 column a task; patient_id where there is one')
    .option('--where <column=value>', 'only rows with this value; may be repeated', condition)
    .option('--min-positives <n>', 'a task with fewer is reported, but not averaged', number(1, 1e9), 10)
    .option('--resamples <n>', 'of the bootstrap', number(1, 1e5), 1000)
    .option('--json', 'the whole report as JSON')
    .action(async (folder: string, flags: EvaluateFlags) => {
      const report = await evaluate(folder, flags)
      process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : asText(report))
    })
}

async function evaluate(folder: string, flags: EvaluateFlags): Promise<EvaluationReport> {
  const labels = readLabelTable(flags.labels, flags.where)
  const records = (await recordsAt([folder])).flatMap(path => {
    const known = labels.find(nameOf(path))
    return known ? [{ path, known }] : []
  })
  if (records.length === 0)
    throw new EcgclipError(
      'NOTHING_LABELLED',
      `No record in ${folder} has a row in ${flags.labels}; compare their names`,
      {
        exitCode: 2,
      },
    )
  const model = await openOfflineModel(flags)
  try {
    const progress = progressBar(records.length)
    const assessed: Record<string, number>[] = []
    for (const { path } of records) {
      assessed.push(await meanProbabilities(assessRecords(model, [path], WHOLE_RECORD_HOP)))
      progress?.increment()
    }
    progress?.stop()
    const tasks = model.bundle.manifest.tasks.filter(({ id }) => labels.tasks.includes(id))
    return evaluateTasks(
      tasks.map(({ id, threshold }) => ({
        id,
        labels: records.map(({ known }) => known.label(id)),
        probabilities: assessed.map(probabilities => probabilities[id] ?? Number.NaN),
        threshold: threshold.value,
      })),
      records.map(({ known }) => known.patient),
      { minimumPositives: flags.minPositives, resamples: flags.resamples, seed: SEED },
    )
  } finally {
    await model.close()
  }
}

/** A record longer than a window counts with the mean over its windows; one without a usable window has no answer. */
async function meanProbabilities(
  windows: AsyncIterable<{ tasks: Record<string, number> }>,
): Promise<Record<string, number>> {
  const sums: Record<string, number> = {}
  let count = 0
  for await (const { tasks } of windows) {
    if (Object.keys(tasks).length === 0) continue
    count++
    for (const [task, probability] of Object.entries(tasks)) sums[task] = (sums[task] ?? 0) + probability
  }
  return Object.fromEntries(Object.entries(sums).map(([task, sum]) => [task, sum / count]))
}

function asText({ tasks, macro }: EvaluationReport): string {
  const rows = tasks.map(task => [
    task.id,
    String(task.positives),
    task.records > 0 ? `${((100 * task.positives) / task.records).toFixed(1)} %` : '',
    interval(task.prauc),
    interval(task.auroc),
    task.brier.toFixed(3),
    task.expectedCalibrationError.toFixed(3),
    percent(task.operatingPoint.sensitivity),
    percent(task.operatingPoint.specificity),
    percent(task.operatingPoint.positivePredictiveValue),
  ])
  const head = ['task', 'n+', 'prevalence', 'PRAUC', 'AUROC', 'Brier', 'ECE', 'sens', 'spec', 'PPV']
  return `${formatTable(head, rows)}\nmacro over ${macro.tasks} tasks: PRAUC ${interval(macro.prauc)}  AUROC ${interval(macro.auroc)}\n`
}

function interval({ value, low, high }: Interval): string {
  return Number.isNaN(value) ? '–' : `${value.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`
}

function percent({ value }: Interval): string {
  return Number.isNaN(value) ? '–' : `${(100 * value).toFixed(0)} %`
}

function nameOf(path: string): string {
  return (path.split('/').at(-1) ?? path).replace(/\.(hea|edf)$/i, '')
}

function progressBar(total: number): SingleBar | undefined {
  if (!process.stderr.isTTY) return undefined
  const bar = new ProgressBar({ format: '{bar} {value}/{total} records, {eta_formatted} left', stream: process.stderr })
  bar.start(total, 0)
  return bar
}

function condition(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, column, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  if (column === undefined || value === undefined) throw new InvalidArgumentError('It must be COLUMN=VALUE.')
  return { ...before, [column]: value }
}

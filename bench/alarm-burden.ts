import { parseArgs } from 'node:util'
import { formatTable } from '../gateway/cli/format-table.js'
import { openOfflineModel } from '../gateway/offline-assessment.js'
import { alertsOf } from './alarm-burden/alerts-of.js'
import { readCohorts } from './alarm-burden/cohorts.js'
import { type Judgement, judge } from './alarm-burden/judgement.js'
import { mechanisms } from './alarm-burden/mechanisms.js'
import type { Cohort } from './alarm-burden/patient.js'
import { play } from './alarm-burden/play.js'

/**
 * What people would have to live with: recorded and simulated ECG through windows, quality, model and alert engine, on simulated
 * time. Alerts per patient-day and task, false ones on normal people, delays after onsets; with all that the alert engine does
 * to keep quiet, and without each part of it.
 *
 *     node dist/bench/alarm-burden.js --data FOLDER [--bundle DIR] [--trust DIR] [--fold 9]… [--cohort NAME]… [--hop 5] [--json]
 *
 * FOLDER is described in docs/alerts.md. Every record is assessed once; each set of mechanisms is then played through an
 * alert engine of its own.
 */

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: process.env.ECGCLIP_DATA ?? '' },
    bundle: { type: 'string' },
    trust: { type: 'string' },
    fold: { type: 'string', multiple: true, default: ['9'] },
    cohort: { type: 'string', multiple: true },
    hop: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
})

if (values.data === '') {
  process.stderr.write('alarm-burden: name the folder of records with --data or ECGCLIP_DATA; see docs/alerts.md\n')
  process.exit(2)
}
const hopSeconds = Number(values.hop)
const { bundle, trust } = values
const model = await openOfflineModel({ ...(bundle !== undefined && { bundle }), ...(trust !== undefined && { trust }) })
const { name, version, tasks } = model.bundle.manifest
const sets = mechanisms(tasks)
const alerting = tasks.flatMap(({ id, alert }) => (alert === null ? [] : id))
const cohorts = (await readCohorts({ folder: values.data, folds: values.fold, alerting })).filter(
  cohort => values.cohort?.includes(cohort.name) ?? true,
)

const report = []
for (const cohort of cohorts) {
  const played = cohort.shippedOnly ? sets.slice(0, 1) : sets
  const judgements = new Map<string, Judgement[]>(played.map(set => [set.name, []]))
  for (const patient of cohort.patients) {
    const windows = await play(model, patient, hopSeconds)
    for (const set of played)
      judgements.get(set.name)!.push(judge(windows, alertsOf(windows, set, hopSeconds), hopSeconds))
  }
  const figures = [...judgements].map(([mechanism, all]) => ({ mechanism, ...figuresOf(all) }))
  report.push({ cohort: cohort.name, description: cohort.description, normal: cohort.normal, figures })
  if (!values.json) process.stdout.write(section(cohort, figures))
}
await model.close()
if (values.json)
  process.stdout.write(`${JSON.stringify({ bundle: name, version, hopSeconds, cohorts: report }, null, 2)}\n`)

interface Figures {
  readonly patients: number
  /** Patients with any alert, and how many the worst of them had a day. */
  readonly alerted: number
  readonly mostPerDay: number
  readonly days: number
  readonly starts: Readonly<Record<string, number>>
  readonly falseStarts: Readonly<Record<string, number>>
  readonly onsets: Readonly<Record<string, OnsetFigures>>
}

interface OnsetFigures {
  readonly onsets: number
  readonly found: number
  readonly withinThreeWindows: number
  readonly medianDelaySeconds: number | null
  readonly worstDelaySeconds: number | null
}

function figuresOf(judgements: readonly Judgement[]): Figures {
  const sum = (counts: ReadonlyArray<ReadonlyMap<string, number>>) => {
    const total: Record<string, number> = {}
    for (const map of counts) for (const [task, count] of map) total[task] = (total[task] ?? 0) + count
    return total
  }
  const episodes = judgements.flatMap(judgement => judgement.episodes)
  const onsets = [...new Set(episodes.map(({ task }) => task))].map((task): [string, OnsetFigures] => {
    const all = episodes.filter(episode => episode.task === task)
    const delays = all.flatMap(({ delay }) => delay ?? []).sort((a, b) => a - b)
    return [
      task,
      {
        onsets: all.length,
        found: delays.length,
        withinThreeWindows: all.filter(({ windows }) => windows !== null && windows <= 3).length,
        medianDelaySeconds: delays[Math.floor(delays.length / 2)] ?? null,
        worstDelaySeconds: delays.at(-1) ?? null,
      },
    ]
  })
  const perDay = judgements.map(({ starts, days }) => total(Object.fromEntries(starts)) / days)
  return {
    patients: judgements.length,
    alerted: perDay.filter(count => count > 0).length,
    mostPerDay: Math.max(...perDay),
    days: judgements.reduce((days, judgement) => days + judgement.days, 0),
    starts: sum(judgements.map(({ starts }) => starts)),
    falseStarts: sum(judgements.map(({ falseStarts }) => falseStarts)),
    onsets: Object.fromEntries(onsets),
  }
}

function section(cohort: Cohort, all: ReadonlyArray<Figures & { readonly mechanism: string }>): string {
  const perDay = (count: number, days: number) => (count / days).toFixed(2)
  const [shipped] = all as [Figures & { readonly mechanism: string }]
  const burden = all.map(({ mechanism, days, starts, falseStarts }) => [
    mechanism,
    perDay(total(starts), days),
    cohort.normal ? perDay(total(starts), days) : perDay(total(falseStarts), days),
  ])
  const byTask = Object.entries(shipped.starts)
    .sort(([, a], [, b]) => b - a)
    .map(([task, count]) => [task, String(count), perDay(count, shipped.days), String(shipped.falseStarts[task] ?? '')])
  const onsets = Object.entries(shipped.onsets).map(([task, it]) => [
    task,
    String(it.onsets),
    `${it.found} (${percent(it.found, it.onsets)})`,
    `${it.withinThreeWindows} (${percent(it.withinThreeWindows, it.onsets)})`,
    it.medianDelaySeconds?.toFixed(0) ?? '–',
    it.worstDelaySeconds?.toFixed(0) ?? '–',
  ])
  const lines = [
    `\n${cohort.name}: ${cohort.description}; ${shipped.patients} patients, ${shipped.days.toFixed(2)} patient-days`,
    `with any alert, as shipped: ${shipped.alerted} patients; at most ${shipped.mostPerDay.toFixed(1)} a day`,
    formatTable(['mechanisms', 'alerts/day', 'known false/day'], burden),
    ...(byTask.length > 0 ? [formatTable(['task', 'alerts', 'per day', 'known false'], byTask)] : []),
    ...(onsets.length > 0
      ? [formatTable(['onset of', 'onsets', 'found', 'in 3 windows', 'median s', 'worst s'], onsets)]
      : []),
  ]
  return `${lines.join('\n')}\n`
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(0)} %`
}

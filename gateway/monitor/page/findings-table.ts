import type { MonitoredTask } from '../live/live-messages.js'
import { element, setText, svgElement } from './element.js'
import type { LivePatient } from './live-state.js'

export interface FindingsTable {
  readonly element: HTMLElement
  show(patient: LivePatient | null, tasks: readonly MonitoredTask[]): void
}

/** Rows before "all"; more is a list to search in and not a thing to see at a glance. */
const FEW = 10
const SPARK = { width: 72, height: 20 }
/** Windows in a sparkline: ten minutes at the default hop. */
const SPARK_WINDOWS = 120

interface Row {
  readonly element: HTMLTableRowElement
  update(probability: number | null, trend: readonly (number | null)[]): void
}

/** What the model says of the last window: probability, threshold and trend of each task, the most probable first. */
export function createFindingsTable(): FindingsTable {
  let tasks: readonly MonitoredTask[] = []
  let rows = new Map<string, Row>()
  let all = false
  let shown: LivePatient | null = null
  const body = element('tbody')
  const quality = element('p', { class: 'quality' })
  const more = element('button', { type: 'button', class: 'more', 'aria-expanded': 'false', onclick: toggle })
  const root = element(
    'section',
    { class: 'panel findings', 'aria-labelledby': 'findings-title' },
    element('h2', { id: 'findings-title' }, 'Model output'),
    quality,
    element(
      'table',
      {},
      element(
        'thead',
        {},
        element(
          'tr',
          {},
          element('th', { scope: 'col' }, 'Finding'),
          element('th', { scope: 'col' }, 'Trend'),
          element('th', { scope: 'col' }, 'Probability'),
        ),
      ),
      body,
    ),
    more,
    element('p', { class: 'hint' }, 'The mark on each bar is the threshold; hollow: the finding raises no alert.'),
  )

  function toggle(): void {
    all = !all
    more.setAttribute('aria-expanded', String(all))
    update()
  }

  function update(): void {
    const assessment = shown?.assessment
    setText(quality, assessment ? qualitySentence(assessment) : 'Waiting for the first ten seconds.')
    quality.className = `quality ${assessment?.quality ?? ''}`
    const probabilities: Readonly<Record<string, number>> = assessment?.tasks ?? {}
    const order = tasks
      .filter(({ id }) => probabilities[id] !== undefined)
      .sort((a, b) => rank(b, probabilities) - rank(a, probabilities))
    const seen = all ? order : order.slice(0, FEW)
    for (const { id } of seen) rows.get(id)!.update(probabilities[id] ?? null, shown?.trend[id] ?? [])
    const wanted = seen.map(({ id }) => rows.get(id)!.element)
    if (wanted.length !== body.children.length || wanted.some((row, i) => row !== body.children[i]))
      body.replaceChildren(...wanted)
    more.hidden = order.length <= FEW
    setText(more, all ? 'Show fewer' : `Show all ${order.length}`)
  }

  return {
    element: root,
    show(patient, next) {
      if (next !== tasks) {
        tasks = next
        rows = new Map(tasks.map(task => [task.id, createRow(task)]))
      }
      shown = patient
      update()
    },
  }
}

/** Those at their threshold first. */
const rank = ({ id, threshold }: MonitoredTask, probabilities: Readonly<Record<string, number>>): number =>
  probabilities[id]! + (probabilities[id]! >= threshold ? 1 : 0)

function qualitySentence({ quality, reasons, latencyMs }: NonNullable<LivePatient['assessment']>): string {
  const [reason] = reasons
  const answered = `answered in ${latencyMs.toFixed(0)} ms`
  if (quality === 'good') return `Signal good, ${answered}`
  const why = reason === undefined ? '' : `: ${reason}${reasons.length > 1 ? ` (+${reasons.length - 1} more)` : ''}`
  return quality === 'degraded' ? `Degraded${why}` : `No findings${why}`
}

function createRow(task: MonitoredTask): Row {
  const value = element('span', { class: 'value' })
  const fill = element('span', { class: 'fill' })
  const mark = element('span', { class: task.alerts ? 'threshold' : 'threshold hollow' })
  mark.style.left = `${100 * task.threshold}%`
  const line = svgElement('polyline', { fill: 'none' })
  const limit = (1 - task.threshold) * SPARK.height
  const spark = svgElement(
    'svg',
    { class: 'spark', viewBox: `0 0 ${SPARK.width} ${SPARK.height}`, 'aria-hidden': 'true' },
    svgElement('line', { x1: 0, x2: SPARK.width, y1: limit, y2: limit }),
    line,
  )
  const row = element(
    'tr',
    {},
    element(
      'th',
      { scope: 'row', title: `${task.id}: ${task.display}, threshold ${task.threshold.toFixed(2)}` },
      element('span', { class: 'two-lines' }, task.display),
    ),
    element('td', {}, spark),
    element('td', { class: 'probability' }, element('span', { class: 'bar' }, fill, mark), value),
  )
  return {
    element: row,
    update(probability, trend) {
      const above = probability !== null && probability >= task.threshold
      row.classList.toggle('above', above)
      setText(value, probability === null ? '–' : probability.toFixed(2))
      fill.style.width = `${100 * (probability ?? 0)}%`
      line.setAttribute('points', points(trend.slice(-SPARK_WINDOWS)))
    },
  }
}

function points(trend: readonly (number | null)[]): string {
  const step = SPARK.width / (SPARK_WINDOWS - 1)
  const left = SPARK.width - step * (trend.length - 1)
  return trend
    .flatMap((p, i) => (p === null ? [] : [`${(left + i * step).toFixed(1)},${((1 - p) * SPARK.height).toFixed(1)}`]))
    .join(' ')
}

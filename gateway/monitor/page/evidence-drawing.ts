import type { EvidenceAnswer } from '../live/live-messages.js'
import { svgElement } from './element.js'
import { type Layout, layoutOf } from './layout.js'
import { median } from './median.js'
import { saliencyWords } from './saliency-words.js'
import type { Settings } from './settings.js'

/** mm, as everything here: printed at its own size it is 25 mm/s and 10 mm/mV. */
const SPEED = 25
const GAIN = 10
const LEFT = 10
const WIDTH = 250
const ROW = { '3x4': 28, '12x1': 15 } as const
const SQUARE = 5
/** Opacity of the step that gave most. */
const DARKEST = 0.42

/** The ten seconds behind an alert as a drawing: paper, what gave rise to the finding shaded, leads over it. */
export function drawEvidence({ alert, window, signal }: EvidenceAnswer, name: Settings['layout']): SVGSVGElement {
  const layout = layoutOf(name, signal.II ? 'II' : ((Object.keys(signal)[0] as 'II' | undefined) ?? 'II'))
  const row = ROW[name]
  const height = row * layout.rows
  const saliency = 'saliency' in alert.evidence ? (alert.evidence.saliency ?? []) : []
  return svgElement(
    'svg',
    {
      class: 'evidence',
      viewBox: `0 0 ${LEFT + WIDTH} ${height}`,
      width: `${LEFT + WIDTH}mm`,
      height: `${height}mm`,
      role: 'img',
      'aria-label': `Ten seconds of ${Object.keys(signal).length} leads at ${SPEED} mm/s and ${GAIN} mm/mV. ${saliencyWords(saliency)}`,
    },
    ...paper(height),
    ...shading(saliency, height),
    ...Array.from({ length: layout.rows }, (_, i) => calibration(i, row)),
    ...traces(layout, row, signal, window),
  )
}

function paper(height: number): SVGElement[] {
  const lines = (step: number) => {
    const across = Array.from({ length: Math.floor((LEFT + WIDTH) / step) + 1 }, (_, i) => `M${i * step} 0V${height}`)
    const down = Array.from({ length: Math.floor(height / step) + 1 }, (_, i) => `M0 ${i * step}H${LEFT + WIDTH}`)
    return [...across, ...down].join('')
  }
  return [
    svgElement('rect', { class: 'paper', width: LEFT + WIDTH, height }),
    svgElement('path', { class: 'minor', d: lines(1) }),
    svgElement('path', { class: 'major', d: lines(SQUARE) }),
  ]
}

/** One band for each time step of the model's features; a step that spoke against the finding has none. */
function shading(saliency: readonly number[], height: number): SVGElement[] {
  const most = Math.max(...saliency, 0)
  const width = WIDTH / saliency.length
  return saliency.flatMap((value, i) =>
    value > 0
      ? [
          svgElement('rect', {
            class: 'salient',
            x: LEFT + i * width,
            width,
            height,
            'fill-opacity': ((DARKEST * value) / most).toFixed(3),
          }),
        ]
      : [],
  )
}

function calibration(row: number, height: number): SVGElement {
  const y = (row + 0.5) * height
  return svgElement('path', { class: 'calibration', d: `M1.5 ${y}h1v${-GAIN}h5v${GAIN}h1` })
}

function traces(
  layout: Layout,
  row: number,
  signal: EvidenceAnswer['signal'],
  { rate, leadsOff }: EvidenceAnswer['window'],
): SVGElement[] {
  return layout.segments.flatMap(({ lead, row: line, from, to }) => {
    const values = signal[lead]
    const x = LEFT + from * WIDTH
    const note = values ? (leadsOff.includes(lead) ? ` off` : '') : ' absent'
    const label = svgElement('text', { x: x + 1.2, y: line * row + 4.4 }, `${lead}${note}`)
    const divider = from > 0 ? [svgElement('path', { class: 'divider', d: `M${x} ${line * row + row / 2 - 4}v8` })] : []
    if (!values) return [label, ...divider]
    const d = path(values, rate, from * WIDTH, to * WIDTH, (line + 0.5) * row)
    return [svgElement('path', { class: 'lead-trace', d, 'data-lead': lead }), ...divider, label]
  })
}

/** A stretch that never came is left out, not bridged. */
function path(values: readonly (number | null)[], rate: number, from: number, to: number, y: number): string {
  const baseline = median(values.map(value => value ?? Number.NaN)) ?? 0
  const first = Math.round((from / SPEED) * rate)
  const end = Math.min(values.length, Math.round((to / SPEED) * rate) + 1)
  let d = ''
  let pen = false
  for (let i = first; i < end; i++) {
    const value = values[i]
    if (value === null || value === undefined) {
      pen = false
      continue
    }
    const x = LEFT + (i / rate) * SPEED
    d += `${pen ? 'L' : 'M'}${x.toFixed(2)} ${(y - ((value - baseline) / 1000) * GAIN).toFixed(2)}`
    pen = true
  }
  return d
}

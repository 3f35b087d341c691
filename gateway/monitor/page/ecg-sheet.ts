import { type Lead, STANDARD_LEADS } from '../../../ecg/leads.js'
import { element, setText } from './element.js'
import { type Layout, type LayoutName, layoutOf } from './layout.js'
import { type LivePatient, leadsOffNow } from './live-state.js'
import { drawCalibration, drawGrid, paperColours } from './paper.js'
import type { Settings } from './settings.js'
import { type Plot, rowCentre, TracePainter } from './trace-painter.js'

/** mm of paper across, for ten seconds at 25 mm/s; and left of it for the calibration pulse. */
const PAPER_WIDTH = 250
const CALIBRATION = 10
/** CSS pixels a mm on the wall, where paper is as wide as its tile. */
const WALL_SCALE = 2.4
/** A display with more pixels gains nothing that an eye sees on moving traces. */
const MOST_DENSITY = 2
/** What came late is drawn into what is there already no more often than this, ms. */
const MEND_EVERY = 500

export type SheetSettings = Pick<Settings, 'speed' | 'gain' | 'mode' | 'baseline'> & { readonly layout: LayoutName }

/** One patient's live ECG on paper. */
export interface EcgSheet {
  readonly element: HTMLElement
  /** Null: nobody, the paper stays empty. Repeating it is cheap. */
  show(patient: LivePatient | null, settings: SheetSettings): void
  /** To be called for each frame of the display; `now` in ms. */
  draw(now: number): void
  /** Colours have changed. */
  repaint(): void
  frozen: boolean
  close(): void
}

export function createEcgSheet(): EcgSheet {
  const grid = element('canvas', { class: 'grid', 'aria-hidden': 'true' })
  const marks = element('canvas', { class: 'marks', 'aria-hidden': 'true' })
  const trace = element('canvas', { class: 'trace', role: 'img', 'aria-label': 'ECG' })
  const labels = element('div', { class: 'labels' })
  const notice = element('p', { class: 'sheet-notice', role: 'status' })
  const root = element('div', { class: 'sheet' }, grid, marks, trace, labels, notice)

  let patient: LivePatient | null = null
  let settings: SheetSettings | null = null
  let painter: TracePainter | null = null
  let plot: Plot | null = null
  let shownLeads = ''
  let mended = { patched: 0, at: 0 }
  let stale = true
  const resized = new ResizeObserver(() => {
    stale = true
  })
  resized.observe(root)

  function rebuild(now: number): void {
    stale = false
    const density = Math.min(MOST_DENSITY, devicePixelRatio)
    const width = Math.round(root.clientWidth * density)
    const height = Math.round(root.clientHeight * density)
    if (!patient || !settings || width < 2 || height < 2) {
      painter = null
      return
    }
    const wall = settings.layout === 'wall'
    const pixelsPerMm = wall ? WALL_SCALE * density : width / (PAPER_WIDTH + CALIBRATION)
    const left = wall ? 0 : CALIBRATION * pixelsPerMm
    const colours = paperColours(root)
    grid.style.transform = ''
    for (const canvas of [marks, trace]) Object.assign(canvas, { width, height })
    Object.assign(grid, { width: Math.ceil(width + 5 * pixelsPerMm), height })
    grid.style.width = `${grid.width / density}px`
    drawGrid(grid, pixelsPerMm, colours)
    plot = {
      left,
      width: width - left,
      height,
      pixelsPerMm,
      speed: settings.speed,
      gain: settings.gain,
      mode: settings.mode,
      baseline: settings.baseline,
      colour: colours.trace,
      lineWidth: 1.35 * density,
    }
    const { ring, about } = patient
    const layout = layoutOf(settings.layout, about.wallLead ?? 'II')
    painter = new TracePainter(trace, plot, layout, { ring, rate: about.rate, leads: about.leads })
    mended = { patched: patient.patched, at: now }
    if (!wall) drawMarks(layout, plot, colours.mark, density)
    label()
  }

  /** What does not move: a calibration pulse for each row, and where one lead gives way to the next. */
  function drawMarks({ rows, segments }: Layout, plot: Plot, colour: string, density: number): void {
    const { left, width, height, gain, pixelsPerMm } = plot
    const context = marks.getContext('2d')!
    context.strokeStyle = colour
    context.lineWidth = 1.35 * density
    for (let row = 0; row < rows; row++) {
      const y = rowCentre(row, rows, height)
      if (y > gain * pixelsPerMm) drawCalibration(context, pixelsPerMm, y, gain, pixelsPerMm)
    }
    context.fillStyle = colour
    for (const { row, from } of segments)
      if (from > 0) {
        const tick = 8 * pixelsPerMm
        context.fillRect(left + from * width, rowCentre(row, rows, height) - tick / 2, density, tick)
      }
  }

  /** Names of the leads; those that are absent or off say so in their place. */
  function label(): void {
    if (!patient || !settings || !plot) return
    const { about } = patient
    const off = leadsOffNow(patient)
    const layout = layoutOf(settings.layout, about.wallLead ?? 'II')
    const share = plot.left / (plot.left + plot.width)
    labels.replaceChildren(
      ...layout.segments.map(({ lead, row, from }) => {
        const absent = !about.leads.includes(lead)
        const isOff = !absent && off.includes(lead)
        const text = absent ? `${lead} absent` : isOff ? `${lead} off` : lead
        const label = element('span', { class: absent ? 'lead absent' : isOff ? 'lead off' : 'lead' }, text)
        label.style.left = `${100 * (share + from * (1 - share))}%`
        label.style.top = `${(100 * row) / layout.rows}%`
        return label
      }),
    )
    trace.setAttribute('aria-label', describe(about.device, about.leads, off, settings))
  }

  function tellState(): void {
    const state = patient?.state
    const troubled = state != null && state.state !== 'streaming'
    root.classList.toggle('stale', troubled)
    setText(notice, troubled ? `${state.state}: ${state.reason}` : '')
  }

  return {
    element: root,
    frozen: false,
    show(next, chosen) {
      const leads = next ? `${next.about.leads} ${leadsOffNow(next)}` : ''
      const same = next === patient && settings !== null && sameSettings(settings, chosen)
      patient = next
      settings = chosen
      if (!same) stale = true
      else if (leads !== shownLeads) label()
      shownLeads = leads
      tellState()
    },
    draw(now) {
      if (this.frozen || !patient) return
      const late = patient.patched !== mended.patched && now - mended.at > MEND_EVERY
      if (stale || late) rebuild(now)
      const end = patient.playhead.at(now)
      if (end === undefined || !painter || !plot) return
      painter.advance(end)
      if (plot.mode !== 'paper') return
      const period = 5 * plot.pixelsPerMm
      grid.style.transform = `translateX(${-(painter.moved % period) / Math.min(MOST_DENSITY, devicePixelRatio)}px)`
    },
    repaint() {
      stale = true
    },
    close: () => resized.disconnect(),
  }
}

function sameSettings(a: SheetSettings, b: SheetSettings): boolean {
  return (['layout', 'speed', 'gain', 'mode', 'baseline'] as const).every(key => a[key] === b[key])
}

function describe(
  device: string,
  leads: readonly Lead[],
  off: readonly Lead[],
  { speed, gain }: SheetSettings,
): string {
  const absent = STANDARD_LEADS.filter(lead => !leads.includes(lead))
  const without = [
    ...(absent.length > 0 ? [`without ${absent.join(', ')}`] : []),
    ...(off.length > 0 ? [`${off.join(', ')} off`] : []),
  ]
  return [`Live ECG of ${device}`, `${leads.length} leads`, ...without, `${speed} mm/s, ${gain} mm/mV`].join(', ')
}

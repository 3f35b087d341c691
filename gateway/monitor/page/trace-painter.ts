import { type Lead, STANDARD_LEADS } from '../../../ecg/leads.js'
import type { LeadRing } from '../live/lead-ring.js'
import { BaselineFilter } from './baseline-filter.js'
import type { Layout, Segment } from './layout.js'
import { median } from './median.js'

/** What traces are drawn on, and its scale. Pixels are those of the canvas. */
export interface Plot {
  /** Left of the first sample: room for the calibration pulse. */
  readonly left: number
  readonly width: number
  readonly height: number
  readonly pixelsPerMm: number
  /** mm/s */
  readonly speed: number
  /** mm/mV */
  readonly gain: number
  readonly mode: 'sweep' | 'paper'
  /** High-pass, Hz. */
  readonly baseline: number
  readonly colour: string
  readonly lineWidth: number
}

export interface Signal {
  readonly ring: LeadRing
  readonly rate: number
  /** Those that the device gives. */
  readonly leads: readonly Lead[]
}

/** mm that a sweep wipes in front of itself. */
const WIPED = 6
/** s of signal by which the filter finds its baseline. */
const SETTLING = 1

/** Segments that move together: all of the same columns, in rows that touch. */
interface Strip {
  readonly x: number
  readonly width: number
  readonly top: number
  readonly height: number
  readonly pens: readonly Pen[]
}

interface Pen {
  readonly lead: number
  readonly filter: BaselineFilter
  /** Of 0 mV. */
  readonly y: number
  /** Where it stands; undefined after a gap. */
  at: { x: number; y: number } | undefined
}

/**
 * Draws one patient's leads onto a canvas, only what is new each time: redrawing twelve leads sixty times a second would keep
 * a small computer busy. Sweep: the pen runs over standing paper and begins again at the left. Paper: the newest is always at
 * the right, and the paper moves; it is drawn as a sweep on a canvas nobody sees and shown with its halves exchanged.
 */
export class TracePainter {
  readonly #shown: CanvasRenderingContext2D
  /** What the pens write on. */
  readonly #ink: CanvasRenderingContext2D
  readonly #plot: Plot
  readonly #signal: Signal
  readonly #strips: readonly Strip[]
  /** Pixels that one sample takes. */
  readonly #step: number
  #drawn: number | undefined

  constructor(canvas: HTMLCanvasElement, plot: Plot, layout: Layout, signal: Signal) {
    this.#plot = plot
    this.#signal = signal
    this.#shown = canvas.getContext('2d')!
    this.#ink = plot.mode === 'paper' ? hiddenLike(canvas) : this.#shown
    this.#ink.clearRect(0, 0, canvas.width, canvas.height)
    this.#ink.strokeStyle = plot.colour
    this.#ink.lineWidth = plot.lineWidth
    this.#ink.lineJoin = 'round'
    this.#step = (plot.speed * plot.pixelsPerMm) / signal.rate
    const pen = ({ lead, row }: Segment): Pen => ({
      lead: STANDARD_LEADS.indexOf(lead),
      filter: new BaselineFilter(plot.baseline, signal.rate),
      y: rowCentre(row, layout.rows, plot.height),
      at: undefined,
    })
    const rowHeight = plot.height / layout.rows
    this.#strips = stripsOf(layout).map(segments => ({
      x: plot.left + segments[0]!.from * plot.width,
      width: (segments[0]!.to - segments[0]!.from) * plot.width,
      top: Math.round(Math.min(...segments.map(({ row }) => row)) * rowHeight),
      height: Math.round(segments.length * rowHeight),
      pens: segments.filter(({ lead }) => signal.leads.includes(lead)).map(pen),
    }))
  }

  /** Pixels that moving paper has moved by now. */
  get moved(): number {
    return Math.floor((this.#drawn ?? 0) * this.#step)
  }

  /** Draws up to sample `end`, not included. */
  advance(end: number): void {
    const { ring } = this.#signal
    const from = Math.max(this.#drawn ?? this.#begin(end), ring.start)
    if (end <= from) return
    this.#ink.beginPath()
    if (this.#plot.mode === 'sweep') this.#wipeAhead(from, end)
    for (const strip of this.#strips) this.#draw(strip, from, end)
    this.#ink.stroke()
    this.#drawn = end
    if (this.#plot.mode === 'paper') this.#show(end)
  }

  /** As much as fits on the paper. */
  #begin(end: number): number {
    const { ring, rate } = this.#signal
    const first = Math.max(
      ring.start,
      end - Math.floor((this.#plot.width - WIPED * this.#plot.pixelsPerMm) / this.#step),
    )
    for (const { lead, filter } of this.#strips.flatMap(({ pens }) => pens)) {
      const baseline = median(Array.from({ length: Math.round(SETTLING * rate) }, (_, i) => ring.at(lead, first + i)))
      if (baseline !== undefined) filter.settle(baseline)
    }
    return first
  }

  #wipeAhead(from: number, end: number): void {
    const { left, width, height, pixelsPerMm } = this.#plot
    const begin = (from * this.#step) % width
    const length = (end - from) * this.#step + WIPED * pixelsPerMm
    // One pixel behind the pen, where the line's own edge lies, stays.
    this.#ink.clearRect(left + begin + 1, 0, Math.min(length, width - begin), height)
    if (begin + length > width) this.#ink.clearRect(left, 0, begin + length - width, height)
  }

  #draw({ x: left, width, top, height, pens }: Strip, from: number, end: number): void {
    const { mode, gain, pixelsPerMm } = this.#plot
    const ink = this.#ink
    const sweep = mode === 'sweep'
    const whole = sweep ? this.#plot.width : width
    const offset = sweep ? this.#plot.left : left
    if (!sweep) {
      const begin = (from * this.#step) % whole
      const length = (end - from) * this.#step
      ink.clearRect(left + begin + 1, top, Math.min(length, whole - begin), height)
      if (begin + length > whole) ink.clearRect(left, top, begin + length - whole + 1, height)
    }
    for (const pen of pens) {
      for (let index = from; index < end; index++) {
        const value = pen.filter.next(this.#signal.ring.at(pen.lead, index))
        const x = offset + ((index * this.#step) % whole)
        if (Number.isNaN(value) || x < left || x >= left + width) {
          pen.at = undefined
          continue
        }
        const y = pen.y - value * gain * pixelsPerMm
        if (pen.at === undefined || x < pen.at.x) ink.moveTo(x, y)
        else {
          if (index === from) ink.moveTo(pen.at.x, pen.at.y)
          ink.lineTo(x, y)
        }
        pen.at = { x, y }
      }
    }
  }

  /** The oldest left, the newest right. */
  #show(end: number): void {
    const { canvas } = this.#ink
    this.#shown.clearRect(0, 0, canvas.width, canvas.height)
    for (const { x, width, top, height } of this.#strips) {
      const seam = Math.floor((end * this.#step) % width)
      const rest = Math.floor(width) - seam
      if (rest > 0) this.#shown.drawImage(canvas, x + seam, top, rest, height, x, top, rest, height)
      if (seam > 0) this.#shown.drawImage(canvas, x, top, seam, height, x + rest, top, seam, height)
    }
  }
}

export const rowCentre = (row: number, rows: number, height: number): number => ((row + 0.5) * height) / rows

function hiddenLike({ width, height }: HTMLCanvasElement): CanvasRenderingContext2D {
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  return canvas.getContext('2d')!
}

function stripsOf({ segments }: Layout): Segment[][] {
  const strips = new Map<string, Segment[]>()
  for (const segment of segments) {
    const columns = `${segment.from} ${segment.to}`
    strips.set(columns, [...(strips.get(columns) ?? []), segment])
  }
  return [...strips.values()]
}

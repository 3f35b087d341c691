import { type Hertz, Microseconds, type SampleIndex } from '../../ecg/units.js'
import { CLOCK_WANDER } from '../link/host-fit.js'
import { createLineFilter } from '../link/line-filter.js'
import type { HostTime } from '../link/sample-clock.js'

/** The quickest packet of each such stretch of host time stands for it, µs: longer than a busy host is late for. */
const STRETCH = 2_000_000
/** After so long without a packet a stretch begins anew, because what waited meanwhile comes late, µs. */
const PAUSE = 250_000
/** Front ends run on internal oscillators, good to about 0.5 %, and to a few over their temperature range (SBAS459). */
const RATE_SIGMA = 0.01
/** Scatter of the quickest packets, µs: a USB frame or two. */
const SIGMA = 5_000
/** The quickest packet still took some unknown time, µs: the device's queue, UART, USB polling. */
const UNKNOWN_DELAY = 50_000
/**
 * What comes later than `UNKNOWN_DELAY` and so many sigmas, for a whole stretch, is not late: samples before it are lost. A
 * shorter loss cannot be told from delay, and moves no time by more than is stated anyway.
 */
const GATE_SIGMAS = 5
const Z95 = 1.96

/** Sample index → host clock, for a device that stamps nothing: a line under the quickest packets. */
export interface ArrivalTimeline {
  /**
   * Sample `newest` was the last to arrive at `arrived`. Answers how many samples must have been lost before it, unnoticed, for
   * it to be that late; those after it must be numbered accordingly. A loss shorter than `UNKNOWN_DELAY` is taken for that.
   */
  add(newest: number, arrived: Microseconds): number
  /** How many samples can have been lost if sample `newest` arrives at `arrived`: none arrives before it is taken. */
  room(newest: number, arrived: Microseconds): number
  timeOf(sample: SampleIndex): HostTime | undefined
}

/** `quantum`: losses that go unnoticed are multiples of it, 256 for a device that counts its samples with one byte. */
export function createArrivalTimeline(rate: Hertz, quantum = 1): ArrivalTimeline {
  const period = 1e6 / rate
  const line = createLineFilter(CLOCK_WANDER)
  let begun = false
  let settled = false
  let last = 0
  let stretch = { since: 0, from: 0 }
  let quickest = { x: 0, host: 0, late: Number.POSITIVE_INFINITY }

  function beginStretch(since: number, from: number) {
    stretch = { since, from }
    quickest = { x: 0, host: 0, late: Number.POSITIVE_INFINITY }
  }

  const gate = (x: number) => Math.max(UNKNOWN_DELAY, GATE_SIGMAS * Math.sqrt(line.variance(x) + SIGMA ** 2))

  function add(newest: number, arrived: Microseconds): number {
    const x = newest * period
    if (!begun || (!settled && arrived < line.y(x))) line.start(x, arrived, SIGMA, RATE_SIGMA)
    if (!begun || arrived - last > PAUSE) beginStretch(arrived, newest)
    begun = true
    last = arrived
    const late = arrived - line.y(x)
    if (late < quickest.late) quickest = { x, host: arrived, late }
    return arrived - stretch.since < STRETCH ? 0 : endStretch(newest, arrived)
  }

  function endStretch(newest: number, arrived: number): number {
    const { x, host, late } = quickest
    const lost = late > gate(x) ? quantum * Math.round(late / period / quantum) : 0
    if (lost === 0) line.update(x, host, SIGMA + 2 * Math.max(0, late))
    settled = true
    beginStretch(arrived, newest)
    return lost
  }

  function timeOf(sample: SampleIndex): HostTime | undefined {
    if (!begun) return undefined
    const x = sample * period
    // Until the stretch is over it is not known whether its samples are late or others before them lost.
    const { late } = quickest
    const doubt = sample >= stretch.from && Number.isFinite(late) && late > gate(x) ? late : 0
    return {
      at: Microseconds(line.y(x)),
      uncertainty: Z95 * Math.sqrt(line.variance(x)) + UNKNOWN_DELAY + doubt,
    }
  }

  function room(newest: number, arrived: Microseconds): number {
    const x = newest * period
    const slack = UNKNOWN_DELAY + 2 * Math.sqrt(line.variance(x))
    return begun ? Math.max(0, Math.floor((arrived - line.y(x) + slack) / period)) : 0
  }

  return { add, room, timeOf }
}

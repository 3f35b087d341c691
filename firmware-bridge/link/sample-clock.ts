import { type Hertz, Microseconds, type SampleIndex } from '../../ecg/units.js'
import { type ArrivalFit, createArrivalFit } from './arrival-fit.js'
import { createExchangeFit, type ExchangeFit } from './exchange-fit.js'
import { CLOCK_WANDER } from './host-fit.js'
import { createLineFilter, type LineFilter } from './line-filter.js'
import type { TimeResponse } from './time-exchange.js'

/** When a sample was taken, on the host's monotonic clock. */
export interface HostTime {
  readonly at: Microseconds
  /** Half-width of a 95 % interval, µs. */
  readonly uncertainty: number
}

export interface SampleClock {
  /**
   * A block's header: index and device time of its first sample. Retransmissions do not belong here.
   * Answers false where sampling rested or the device clock jumped: TIME exchanges are wanted now to tell which.
   */
  block(first: SampleIndex, count: number, time: Microseconds, arrived: Microseconds): boolean
  exchange(response: TimeResponse, t3: Microseconds): void
  timeOf(sample: SampleIndex): HostTime | undefined
}

/** A stretch in which sample index and device clock run side by side. */
interface Segment {
  readonly from: number
  /** x: sample index at the nominal rate, µs; y: device clock, µs. */
  readonly device: LineFilter
  readonly exchanges: ExchangeFit
  readonly arrivals: ArrivalFit
}

interface Block {
  readonly first: number
  readonly count: number
  readonly time: number
  readonly arrived: number
}

/** The sampling clock and the device clock are two crystals at worst. */
const RATE_SIGMA = 1000e-6
/** After the nominal rate has been seen to be wrong (a replay at another speed), the data alone decide. */
const RATE_UNKNOWN = 1
/** Scatter of header times, µs: where it begins, its least, and over how many blocks it is averaged. */
const FIRST_JITTER = 500
const MIN_JITTER = 50
const JITTER_MEMORY = 64
const MEAN_ABS_TO_SIGMA = 1.25
/** A header time further off than this, µs, is not jitter; so many in a row mean that a clock jumped or sampling paused. */
const GATE = 20_000
const GATE_SIGMAS = 5
const MAX_STRAYS = 3
/**
 * After such a break the exchange line is kept while it still predicts arrivals this well, µs; new exchanges will judge it. Blocks
 * that come longer than this before they were taken are a break, too: the host was suspended, and its clock with it.
 */
const SAME_CLOCK = 1_000_000
const Z95 = 1.96

/**
 * Sample index → device clock → host clock (spec/ecg-link.md, Behaviour 4), since one boot. Both steps are lines that wander;
 * after a jump the stretch before it keeps its own lines, so that a window across the jump has the right start and end.
 */
export function createSampleClock(rate: Hertz): SampleClock {
  const period = 1e6 / rate
  let exchanges = createExchangeFit()
  let current: Segment | undefined
  let previous: Segment | undefined
  let newest = -1
  /** One past the newest sample that fitted. */
  let fitted = 0
  let jitter = FIRST_JITTER
  let strays: Block[] = []
  /** How far the newest stray is off, µs: until it is known what has happened, so uncertain is its time. */
  let doubt = 0

  function begin({ first, time }: Block, from: number, arrivals: ArrivalFit, rateSigma: number): Segment {
    const device = createLineFilter(CLOCK_WANDER)
    device.start(first * period, time, jitter, rateSigma)
    return { from, device, exchanges, arrivals }
  }

  /** Device time of a block's newest sample. */
  const lastTime = (block: Block) => block.time + (block.count - 1) * period

  function follow(segment: Segment, block: Block) {
    const x = block.first * period
    const sigma = Math.sqrt(segment.device.variance(x))
    const miss = Math.abs(block.time - segment.device.y(x))
    if (sigma < jitter) jitter += Math.max(MIN_JITTER - jitter, (MEAN_ABS_TO_SIGMA * miss - jitter) / JITTER_MEMORY)
    segment.device.update(x, block.time, jitter)
    segment.arrivals.add(lastTime(block), block.arrived)
  }

  /** µs by which it is off, where that is more than jitter; else 0. */
  function strayBy(segment: Segment, block: Block): number {
    const x = block.first * period
    const sigma = Math.sqrt(segment.device.variance(x) + jitter ** 2)
    const miss = Math.abs(block.time - segment.device.y(x))
    return miss <= Math.max(GATE, GATE_SIGMAS * sigma) ? 0 : miss
  }

  /** µs by which it came before it was taken; else 0. */
  function earlyBy({ exchanges }: Segment, block: Block): number {
    if (!exchanges.ready) return 0
    const device = lastTime(block)
    const early = exchanges.y(device) - block.arrived
    return early <= SAME_CLOCK + GATE_SIGMAS * (period + Math.sqrt(exchanges.variance(device))) ? 0 : early
  }

  function breakAt(blocks: readonly Block[]) {
    const [start, ...rest] = blocks
    const last = blocks.at(-1)!
    // Where only the host's clock stood still, what the device took meanwhile is on its line of now.
    const from = current && strayBy(current, last) === 0 ? fitted : start!.first
    const sameClock =
      exchanges.ready && Math.abs(last.arrived - exchanges.y(lastTime(last))) < SAME_CLOCK + GATE_SIGMAS * period
    if (!sameClock) exchanges = createExchangeFit()
    previous = current
    jitter = FIRST_JITTER
    current = begin(start!, from, createArrivalFit(), RATE_UNKNOWN)
    current.arrivals.add(lastTime(start!), start!.arrived)
    for (const block of rest) follow(current, block)
  }

  function block(first: SampleIndex, count: number, time: Microseconds, arrived: Microseconds): boolean {
    if (first <= newest) return true // overtaken on its way; the line has passed it
    newest = first
    const block = { first, count, time, arrived }
    if (!current) {
      fitted = first + count
      current = begin(block, first, createArrivalFit(), RATE_SIGMA)
      current.arrivals.add(lastTime(block), arrived)
      return true
    }
    doubt = Math.max(strayBy(current, block), earlyBy(current, block))
    if (doubt === 0) {
      strays = []
      fitted = first + count
      follow(current, block)
      return true
    }
    strays.push(block)
    if (strays.length < MAX_STRAYS) return true
    breakAt(strays)
    strays = []
    return false
  }

  function timeOf(sample: SampleIndex): HostTime | undefined {
    const segment = previous && current && sample < current.from ? previous : current
    if (!segment) return undefined
    const host = segment.exchanges.ready ? segment.exchanges : segment.arrivals
    const device = segment.device.y(sample * period)
    const variance = segment.device.variance(sample * period) + host.variance(device)
    const doubtful = strays[0] && sample >= strays[0].first ? doubt : 0
    // Stamps that scatter are late ones, and their mean is late, too: the scatter stays, like the bias of the exchanges.
    const bias = host.bound() + Z95 * jitter
    return { at: Microseconds(host.y(device)), uncertainty: Z95 * Math.sqrt(variance) + bias + doubtful }
  }

  return { block, exchange: (response, t3) => exchanges.add(response, t3), timeOf }
}

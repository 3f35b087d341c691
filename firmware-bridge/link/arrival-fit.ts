import type { HostFit } from './host-fit.js'
import { CLOCK_WANDER, DRIFT_SIGMA } from './host-fit.js'
import { createLineFilter } from './line-filter.js'

/** The quickest packet of each such stretch of device time stands for it, µs. */
const STRETCH = 2_000_000
/** Scatter of the quickest packets, µs: a USB frame or two. */
const SIGMA = 5_000
/** The quickest packet still took some unknown time, µs: UART, USB polling, a BLE connection interval. */
const UNKNOWN_DELAY = 50_000
/** The line is wrong by more than any queue explains, µs. */
const JUMP = 1_000_000

export interface ArrivalFit extends HostFit {
  /** A packet whose newest sample was taken at `device` arrived at `host`. */
  add(device: number, host: number): void
}

/** Device clock → host clock from arrival times alone: the line under the quickest packets. Its uncertainty says so. */
export function createArrivalFit(): ArrivalFit {
  const line = createLineFilter(CLOCK_WANDER)
  let ready = false
  let settled = false
  let since = 0
  let quickest = { device: 0, host: Number.POSITIVE_INFINITY, delay: Number.POSITIVE_INFINITY }

  function add(device: number, host: number) {
    if (!ready) since = device
    const delay = host - device
    if (delay < quickest.delay) {
      quickest = { device, host, delay }
      if (!settled) line.start(device, host, SIGMA, DRIFT_SIGMA)
      ready = true
    }
    if (device - since >= 0 && device - since < STRETCH) return
    const late = quickest.host - line.y(quickest.device)
    if (Math.abs(late) > JUMP) line.start(quickest.device, quickest.host, SIGMA, DRIFT_SIGMA)
    else if (settled) line.update(quickest.device, quickest.host, SIGMA + 2 * Math.max(0, late))
    settled = true
    since = device
    quickest = { device, host, delay: Number.POSITIVE_INFINITY }
  }

  return {
    get ready() {
      return ready
    },
    y: line.y,
    variance: line.variance,
    bound: () => UNKNOWN_DELAY,
    add,
  }
}

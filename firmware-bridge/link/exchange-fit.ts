import type { HostFit } from './host-fit.js'
import { CLOCK_WANDER, DRIFT_SIGMA } from './host-fit.js'
import { createLineFilter } from './line-filter.js'
import type { TimeResponse } from './time-exchange.js'

/** Exchanges over which the fastest round trip, and the slowest one believed, are remembered. */
const RECENT = 32
/** A round trip longer than this many times the fastest, plus `SLACK`, says nothing about the clock. */
const SLOW_FACTOR = 3
/** µs: a scheduling hiccup of the host that is not yet an outlier. */
const SLACK = 2_000
/** No exchange is better than this: time stamps are taken by software, µs. */
const MIN_SIGMA = 100
/** So many exchanges in a row that contradict the line are right, and the line is wrong (a clock jumped, the host slept). */
const MAX_STRAYS = 3
const GATE_SIGMAS = 5

export interface ExchangeFit extends HostFit {
  /** Takes one TIME_REQ/TIME_RSP that came back at `t3`, host µs. */
  add(response: TimeResponse, t3: number): void
}

/**
 * Device clock → host clock from TIME exchanges. The midpoint of an exchange is off by at most half its round trip, however
 * unequal the two ways are; a bias in that cannot be averaged out, so the largest half round trip stays in the uncertainty.
 */
export function createExchangeFit(): ExchangeFit {
  const line = createLineFilter(CLOCK_WANDER)
  const recent: { rtt: number; believed: boolean }[] = []
  let ready = false
  let strays = 0

  function add({ t0, t1, t2 }: TimeResponse, t3: number) {
    const rtt = t3 - t0 - (t2 - t1)
    if (rtt < -SLACK) return // the device says it thought longer than the host waited
    const half = Math.max(rtt, 0) / 2
    const device = (t1 + t2) / 2
    const host = (t0 + t3) / 2
    const fastest = recent.reduce((least, exchange) => Math.min(least, exchange.rtt), rtt)
    const slow = rtt > SLOW_FACTOR * Math.max(fastest, 0) + SLACK
    const gate = bound() + half + GATE_SIGMAS * Math.sqrt(ready ? line.variance(device) : 0)
    const stray = !slow && ready && Math.abs(host - line.y(device)) > gate
    recent.push({ rtt, believed: !slow && !stray })
    if (recent.length > RECENT) recent.shift()
    if (slow) return
    strays = stray ? strays + 1 : 0
    if (!ready || strays === MAX_STRAYS) {
      line.start(device, host, Math.max(half, MIN_SIGMA), DRIFT_SIGMA)
      recent[recent.length - 1]!.believed = true
      ready = true
      strays = 0
    } else if (!stray) line.update(device, host, Math.max(half, MIN_SIGMA))
  }

  function bound(): number {
    return recent.reduce((most, exchange) => (exchange.believed ? Math.max(most, exchange.rtt / 2) : most), 0)
  }

  return {
    get ready() {
      return ready
    },
    y: line.y,
    variance: line.variance,
    bound,
    add,
  }
}

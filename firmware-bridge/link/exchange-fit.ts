import type { HostFit } from './host-fit.js'
import { CLOCK_WANDER, DRIFT_SIGMA } from './host-fit.js'
import { createLineFilter } from './line-filter.js'
import type { TimeResponse } from './time-exchange.js'

/** Exchanges by which the fastest round trip and the present bias are judged: some five minutes. */
const RECENT = 32
/** A way longer than this many times the fastest, plus `SLACK`, says nothing about the clock. */
const SLOW_FACTOR = 3
/** µs each way: a scheduling hiccup of the host that is not yet an outlier. */
const SLACK = 1_000
/** No exchange is better than this: time stamps are taken by software, µs. */
const MIN_SIGMA = 100
/** So many exchanges in a row that contradict the line are right, and the line is wrong (a clock jumped, the host slept). */
const MAX_STRAYS = 3
const GATE_SIGMAS = 5

const sigmaOf = (half: number) => Math.max(half, MIN_SIGMA)

export interface ExchangeFit extends HostFit {
  /** Takes one TIME_REQ/TIME_RSP that came back at `t3`, host µs. */
  add(response: TimeResponse, t3: number): void
}

/**
 * Device clock → host clock from TIME exchanges. The midpoint of an exchange is off by at most half its round trip, however
 * unequal the two ways are. That is a bias, which no averaging removes: half a round trip, weighted as the line weights the
 * exchanges, stays in the uncertainty.
 */
export function createExchangeFit(): ExchangeFit {
  const line = createLineFilter(CLOCK_WANDER)
  const recent: { readonly half: number; believed: boolean }[] = []
  let ready = false
  let strays = 0
  /** How far the newest stray is off, µs: until the next exchange tells who is right, so uncertain is the line. */
  let doubt = 0
  /** Half a round trip as the line remembers it, µs, which may be for hours: what was slow then is in it still. */
  let remembered = 0

  function add({ t0, t1, t2 }: TimeResponse, t3: number) {
    const rtt = t3 - t0 - (t2 - t1)
    if (rtt < -SLACK) return // the device says it thought longer than the host waited
    const half = Math.max(rtt, 0) / 2
    const device = (t1 + t2) / 2
    const host = (t0 + t3) / 2
    const fastest = recent.reduce((least, exchange) => Math.min(least, exchange.half), half)
    const slow = half > SLOW_FACTOR * fastest + SLACK
    const gate = biasBound() + half + GATE_SIGMAS * Math.sqrt(ready ? line.variance(device) : 0)
    const miss = ready ? Math.abs(host - line.y(device)) : 0
    const stray = !slow && miss > gate
    recent.push({ half, believed: !slow && !stray })
    if (recent.length > RECENT) recent.shift()
    if (slow) return
    strays = stray ? strays + 1 : 0
    doubt = stray ? miss : 0
    if (!ready || strays === MAX_STRAYS) {
      line.start(device, host, sigmaOf(half), DRIFT_SIGMA)
      recent[recent.length - 1]!.believed = true
      ready = true
      strays = 0
      doubt = 0
      remembered = half
    } else if (!stray) remembered += line.update(device, host, sigmaOf(half)) * (half - remembered)
  }

  function biasBound(): number {
    let weights = 0
    let sum = 0
    for (const { half, believed } of recent) {
      if (!believed) continue
      const weight = 1 / sigmaOf(half) ** 2
      weights += weight
      sum += weight * half
    }
    return weights > 0 ? sum / weights : 0
  }

  return {
    get ready() {
      return ready
    },
    y: line.y,
    variance: line.variance,
    bound: () => Math.max(biasBound(), remembered) + doubt,
    add,
  }
}

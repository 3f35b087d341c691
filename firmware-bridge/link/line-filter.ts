/**
 * A straight line y(x) whose slope is 1 within a little and wanders a little, followed by a Kalman filter with two states:
 * the offset y − x at the newest x, and the drift, slope − 1. x and y are µs, so the drift has no unit (1 ppm = 1e-6).
 */
export interface LineFilter {
  readonly drift: number
  /** Begins with a first point; `sigma` is its standard deviation, µs, `driftSigma` how far the slope may be from 1. */
  start(x: number, y: number, sigma: number, driftSigma: number): void
  /** Answers with what weight this point moved the offset. */
  update(x: number, y: number, sigma: number): number
  y(x: number): number
  /** Variance of `y(x)`, µs². */
  variance(x: number): number
}

/** `wander`: variance that the drift gains per µs. */
export function createLineFilter(wander: number): LineFilter {
  let origin = 0
  let offset = 0
  let drift = 0
  // Covariance of (offset, drift) at `origin`.
  let p00 = 0
  let p01 = 0
  let p11 = 0

  function start(x: number, y: number, sigma: number, driftSigma: number) {
    origin = x
    offset = y - x
    drift = 0
    p00 = sigma ** 2
    p01 = 0
    p11 = driftSigma ** 2
  }

  const y = (x: number) => x + offset + drift * (x - origin)

  function variance(x: number): number {
    const dx = x - origin
    const wandered = x > origin ? (wander * dx ** 3) / 3 : 0
    return p00 + 2 * dx * p01 + dx ** 2 * p11 + wandered
  }

  function update(x: number, measured: number, sigma: number): number {
    const dx = x - origin
    const elapsed = Math.abs(dx)
    const innovation = measured - y(x)
    offset += drift * dx
    p00 = variance(x)
    p01 += dx * p11 + (wander * elapsed * dx) / 2
    p11 += wander * elapsed
    origin = x
    const s = p00 + sigma ** 2
    const k0 = p00 / s
    const k1 = p01 / s
    offset += k0 * innovation
    drift += k1 * innovation
    p11 -= k1 * p01
    p01 -= k0 * p01
    p00 -= k0 * p00
    return k0
  }

  return {
    get drift() {
      return drift
    },
    start,
    update,
    y,
    variance,
  }
}

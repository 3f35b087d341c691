/**
 * A copy of `x` with a straight line across every run of NaN and the nearest value held at its edges; all NaN becomes 0.
 * Filters need a number everywhere; whoever calls this has counted what was missing.
 */
export function bridgeGaps(gappy: Float32Array): Float32Array {
  const x = gappy.slice()
  let before = -1 // last sample that was there
  for (let i = 0; i <= x.length; i++) {
    if (i < x.length && Number.isNaN(x[i]!)) continue
    if (i - before > 1) {
      const left = before >= 0 ? x[before]! : (x[i] ?? 0)
      const right = x[i] ?? left
      for (let k = before + 1; k < i; k++) x[k] = left + ((right - left) * (k - before)) / (i - before)
    }
    before = i
  }
  return x
}

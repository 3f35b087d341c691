/** Least squares. */
export function slope(points: readonly { readonly x: number; readonly y: number }[]): number {
  const mean = (of: (point: { x: number; y: number }) => number) =>
    points.reduce((s, p) => s + of(p), 0) / points.length
  const [x, y] = [mean(p => p.x), mean(p => p.y)]
  const covariance = points.reduce((s, p) => s + (p.x - x) * (p.y - y), 0)
  return covariance / points.reduce((s, p) => s + (p.x - x) ** 2, 0)
}

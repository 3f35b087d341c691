/** Where the model looked, in words; the shading is not for everyone to see. */
export function saliencyWords(saliency: readonly number[]): string {
  const most = Math.max(...saliency, 0)
  if (most <= 0) return 'The model gives no part of it more weight than another.'
  const strong = saliency.flatMap((value, i) => (value >= most / 2 ? [i] : []))
  const second = (step: number) => ((10 * step) / saliency.length).toFixed(1)
  const spans: [number, number][] = []
  for (const step of strong) {
    const last = spans.at(-1)
    if (last && step === last[1]) last[1] = step + 1
    else spans.push([step, step + 1])
  }
  return `The model looked most at ${spans.map(([a, b]) => `${second(a)}–${second(b)} s`).join(', ')}.`
}

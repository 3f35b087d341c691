import { readFileSync } from 'node:fs'
import t from 'tap'
import { interior, polyphase, resample } from '../../../gateway/window/resampling.js'
import { WindowResampler } from '../../../gateway/window/window-resampler.js'
import type { Resampling } from '../../../models/bundle/manifest.js'

const vectors = JSON.parse(readFileSync('test/gateway/window/vectors/resampling.json', 'utf8')) as {
  filters: Resampling[]
  cases: { name: string; from: number; x: number[]; y: number[] }[]
}
const filterFor = (rate: number) => polyphase(vectors.filters.find(({ from }) => from === rate)!)
const identical = (a: Float32Array, b: Float32Array) => a.length === b.length && a.every((v, i) => Object.is(v, b[i]))
const noise = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * i * 0.7) + (i % 17) / 40)

t.test('gives what SciPy gives, edges included', async t => {
  for (const { name, from, x, y } of vectors.cases) {
    const ours = new Float32Array(y.length)
    resample(filterFor(from), Float32Array.from(x), ours, 0, y.length)
    const worst = Math.max(...y.map((value, m) => Math.abs(value - ours[m]!)))
    t.ok(worst < 1e-6, `${name}: within 1e-6, and is ${worst}`)
  }
  t.equal(vectors.cases.length, 20)
})

t.test('the interior is where the edges cannot be felt', async t => {
  for (const { from } of vectors.filters) {
    const filter = filterFor(from)
    const samples = from * 10
    const { first, end } = interior(filter, samples)
    const [middle, whole] = [new Float32Array(1000), new Float32Array(1000)]
    const x = noise(samples)
    resample(filter, x, whole, 0, 1000)
    const longer = new Float32Array(samples + 2)
    longer.set(x, 1)
    longer[0] = 1e6
    longer[samples + 1] = -1e6
    const { up, down, delay } = filter
    resample({ ...filter, delay: delay + up }, longer, middle, 0, 1000) // the same instants, one sample later
    t.ok(identical(middle.subarray(first, end), whole.subarray(first, end)), `${from} Hz`)
    t.ok(end - first > 1000 - (2 * (delay + up)) / down - 2, `${from} Hz: and it is nearly all of the window`)
  }
})

t.test('windows that share their overlap equal windows resampled alone, bit for bit', async t => {
  const hops = { 500: [2500, 1, 5, 4999, 5000, 7500], 250: [1250, 5, 3], 360: [1800, 18, 7], 128: [640, 32, 100] }
  for (const [rate, starts] of Object.entries(hops))
    for (const hop of starts) {
      const samples = Number(rate) * 10
      const filter = filterFor(Number(rate))
      const x = noise(samples + hop * 4)
      const shared = new WindowResampler(filter, 1000)
      for (let k = 0; k < 4; k++) {
        const window = x.subarray(k * hop, k * hop + samples)
        const alone = new Float32Array(1000)
        resample(filter, window, alone, 0, 1000)
        t.ok(identical(shared.resample(window, k * hop, true), alone), `${rate} Hz, hop ${hop}, window ${k}`)
      }
    }
})

t.test('nothing is taken from a window that was not whole', async t => {
  const filter = filterFor(500)
  const shared = new WindowResampler(filter, 1000)
  const x = noise(7500)
  const bridged = x.slice(0, 5000).fill(0, 3000, 3100)
  shared.resample(bridged, 0, false)
  const alone = new Float32Array(1000)
  resample(filter, x.subarray(2500), alone, 0, 1000)
  t.ok(identical(shared.resample(x.subarray(2500), 2500, true), alone))
})

t.test('equal rates pass samples as they are', async t => {
  const x = noise(1000)
  t.ok(identical(new WindowResampler(undefined, 1000).resample(x, 0, true), x))
})

t.test('refuses taps that would delay the signal', async t => {
  t.throws(() => polyphase({ from: 500, up: 1, down: 5, taps: [0.5, 0.5] }), { code: 'bad-resampling' })
  t.throws(() => polyphase({ from: 500, up: 1, down: 5, taps: [0.5, 0.3, 0.2] }), { code: 'bad-resampling' })
})

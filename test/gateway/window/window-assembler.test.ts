import t from 'tap'
import { Hertz, Microseconds, Millivolts, SampleIndex, Seconds } from '../../../ecg/units.js'
import type { SampleBlock } from '../../../firmware-bridge/device-stream.js'
import type { EcgWindow } from '../../../gateway/window/ecg-window.js'
import { MOST_LOST_WINDOWS, WindowAssembler } from '../../../gateway/window/window-assembler.js'
import type { Manifest } from '../../../models/bundle/manifest.js'
import { bundleInput } from './bundle-input.js'

const RATE = 500
const NAMES = ['I', 'II', 'V1', 'V2', 'V3', 'V4', 'V5', 'V6']
const SECOND = 1e6

/** A different, never flat signal in every channel, by absolute sample index, in LSB of 1 µV. */
const count = (index: number, channel: number): number =>
  Math.round(600 * Math.sin(index * (0.02 + channel / 900)) + ((index * (channel + 3) * 7919) % 101))

interface BlockOptions {
  electrodesOff?: number
  saturated?: boolean
  retransmission?: boolean
  /** s */
  arrived?: number
}

function block(first: number, samples: number, options: BlockOptions = {}): SampleBlock {
  const values = new Int32Array(samples * NAMES.length)
  for (let i = 0; i < values.length; i++) values[i] = count(first + Math.floor(i / NAMES.length), i % NAMES.length)
  return {
    first: SampleIndex(first),
    count: samples,
    channels: NAMES.length,
    values,
    electrodesOff: options.electrodesOff ?? 0,
    saturated: options.saturated ?? false,
    retransmission: options.retransmission ?? false,
    arrived: Microseconds((options.arrived ?? (first + samples) / RATE) * SECOND),
  }
}

interface Source {
  hop?: number
  patience?: number
  input?: Manifest['input']
  names?: readonly string[]
}

const assembler = ({ hop = 5, patience = 2, input = bundleInput(), names = NAMES }: Source = {}) =>
  new WindowAssembler({
    boot: 7,
    rate: Hertz(RATE),
    channels: names.map(name => ({ name, lsb: Millivolts(0.001), baseline: 0 })),
    input,
    hop: Seconds(hop),
    patience: Seconds(patience),
  })

/** Pushes [first, end) in blocks of 10, leaving out those for which `lost` says so. */
function stream(
  into: WindowAssembler,
  first: number,
  end: number,
  lost: (block: number) => boolean = () => false,
): EcgWindow[] {
  const out: EcgWindow[] = []
  for (let at = first; at < end; at += 10) if (!lost(at)) out.push(...into.push(block(at, Math.min(10, end - at))))
  return out
}

const alone = (first: number, options?: Source): EcgWindow => stream(assembler(options), first, first + 10 * RATE)[0]!
const identical = (a: Float32Array, b: Float32Array) => a.length === b.length && a.every((v, i) => Object.is(v, b[i]))

t.test('a window in the memory of one that is done with is as it would be in memory of its own', async t => {
  const [kept, recycled] = [assembler({ hop: 1 }), assembler({ hop: 1 })]
  const memory = new Set<Float32Array>()
  let windows = 0
  for (let first = 0; first < 40 * RATE; first += 10) {
    // Leads come and go, and what is lost leaves zeros that nothing writes.
    const electrodesOff = first % (15 * RATE) < 4 * RATE ? 0b100 : 0
    const [fresh, reused] = [kept, recycled].map(into => into.push(block(first, 10, { electrodesOff })))
    for (const [i, window] of fresh!.entries()) {
      windows++
      t.ok(identical(window.signal, reused![i]!.signal))
      memory.add(reused![i]!.signal)
      recycled.recycle(reused![i]!)
    }
  }
  t.equal(windows, 31)
  t.equal(memory.size, 1)
})

t.test('a window goes out with its last sample, and the next ones one hop later each', async t => {
  const windows: EcgWindow[] = []
  const source = assembler()
  const at: number[] = []
  for (let first = 1234; first < 1234 + 30 * RATE; first += 10)
    for (const window of source.push(block(first, 10))) {
      windows.push(window)
      at.push(first + 10)
    }
  t.same(
    windows.map(w => w.index),
    [0, 1, 2, 3, 4],
  )
  t.same(
    windows.map(w => w.firstSample),
    [0, 1, 2, 3, 4].map(k => 1234 + k * 2500),
  )
  t.same(
    at,
    windows.map(w => w.firstSample + 5000),
  )
  for (const window of windows) {
    t.match(window, { boot: 7, samples: 5000, rate: 500, missing: 0, quality: 'good', qualityScore: 1, reasons: [] })
    t.equal(window.completed, ((window.firstSample + 5000) / RATE) * SECOND)
    t.ok(identical(window.signal, alone(window.firstSample).signal), 'the same as that window alone, bit for bit')
  }
})

t.test('a hop may be any number of samples', async t => {
  for (const hop of [0.002, 0.126, 1, 12]) {
    const windows = stream(assembler({ hop }), 0, (10 + 2.1 * hop) * RATE).slice(0, 3)
    t.same(
      windows.map(w => w.firstSample),
      [0, 1, 2].map(k => k * Math.round(hop * RATE)),
    )
    for (const { firstSample, signal } of windows) t.ok(identical(signal, alone(firstSample).signal), `hop ${hop} s`)
  }
  t.throws(() => assembler({ hop: 0.0001 }), { code: 'bad-hop' })
})

t.test('missing samples are exactly those that never came, and the window waits for them', async t => {
  const source = assembler({ patience: 2 })
  const lost = new Set([1000, 1010, 4990])
  const early = stream(source, 0, 5500, at => lost.has(at))
  t.same(early, [])
  t.equal(source.nextDue, 12.02 * SECOND, 'its end passed with the block that showed the gap at its end')
  t.same(source.due(Microseconds(12.019 * SECOND)), [])
  const [window] = source.due(Microseconds(12.02 * SECOND))
  t.match(window, { index: 0, missing: 30, quality: 'degraded', reasons: ['30 of 5000 samples are missing.'] })
  t.equal(window!.completed, 10.02 * SECOND)
  t.equal(window!.qualityScore, 1 - 30 / 5000)
  t.same(source.due(Microseconds(1e12)), [], 'and it goes out once')
  t.equal(source.nextDue, undefined)
})

t.test('late blocks are put where they belong, whatever their order, and complete the window', async t => {
  const source = assembler()
  t.same(
    stream(source, 0, 5100, at => at >= 200 && at < 260),
    [],
  )
  t.same(source.push(block(240, 20, { arrived: 10.3, retransmission: true })), [])
  t.same(source.push(block(230, 20, { arrived: 10.4, retransmission: true })), [], 'half of it is there already')
  const [window, ...more] = source.push(block(190, 50, { arrived: 10.5, retransmission: true }))
  t.same(more, [])
  t.match(window, { missing: 0, quality: 'good', completed: 10.5 * SECOND })
  t.ok(identical(window!.signal, alone(0).signal))
})

t.test('windows come out in order: a whole one waits for the one before it', async t => {
  const source = assembler({ hop: 1, patience: 3 })
  t.same(
    stream(source, 0, 6000, at => at === 100),
    [],
  )
  const windows = source.push(block(6000, 600, { arrived: 13 }))
  t.same(
    windows.map(w => [w.index, w.missing]),
    [
      [0, 10],
      [1, 0],
      [2, 0],
      [3, 0],
    ],
  )
  t.same(
    windows.map(w => w.completed / SECOND),
    [10, 11, 12, 13],
  )
})

t.test('duplicates change nothing', async t => {
  const source = assembler()
  const altered = { ...block(2000, 10), values: new Int32Array(80).fill(9999) }
  stream(source, 0, 3000)
  t.same(source.push(altered), [])
  const [window] = stream(source, 3000, 5000)
  t.ok(identical(window!.signal, alone(0).signal))
})

t.test('what comes when its windows are out is counted', async t => {
  const source = assembler({ patience: 0 })
  stream(source, 0, 6000, at => at === 500 || at === 3000)
  source.push(block(500, 10))
  t.equal(source.counters.late, 10)
  source.push(block(3000, 10))
  t.equal(source.counters.late, 10, 'the second window was still open')
  const [second] = stream(source, 6000, 7500)
  t.equal(second!.missing, 0)
})

t.test('before the first sample there is nothing', async t => {
  const source = assembler()
  source.push(block(1000, 10))
  source.push(block(900, 10, { retransmission: true }))
  const [window] = stream(source, 1010, 6000)
  t.match(window, { firstSample: 1000, missing: 0 })
  t.ok(identical(window!.signal, alone(1000).signal))
})

t.test('a missing stretch is a straight line, held at the edges of the window', async t => {
  const input = { ...bundleInput(), rate: RATE, samples: 5000, resampling: [] }
  const source = assembler({ input })
  stream(source, 0, 5010, at => at < 20 && at > 0)
  const [window] = [...stream(source, 5010, 6500), ...source.due(Microseconds(1e12))]
  const [lead] = [window!.signal.subarray(0, 5000)]
  for (let i = 10; i < 20; i++) {
    const line = count(9, 0) + ((count(20, 0) - count(9, 0)) * (i - 9)) / 11
    t.ok(Math.abs(lead[i]! - line / 1000) < 1e-6)
  }
  const cut = assembler({ input })
  stream(cut, 0, 4000)
  const [short] = cut.close()
  t.ok(short!.signal.subarray(4000, 5000).every(v => Math.abs(v - count(3999, 0) / 1000) < 1e-6))
})

t.test('after a gap, windows that share samples with a bridged one do not inherit its line', async t => {
  const source = assembler({ patience: 0 })
  const windows = stream(source, 0, 15000, at => at === 4980 || at === 4990)
  t.same(
    windows.map(w => w.missing),
    [20, 20, 0, 0, 0],
  )
  for (const { firstSample, signal } of windows.slice(2)) t.ok(identical(signal, alone(firstSample).signal))
  const own = assembler({ patience: 0 })
  const [second] = stream(own, 2500, 7600, at => at === 4980 || at === 4990)
  t.ok(identical(windows[1]!.signal, second!.signal), 'a bridged window, too, is a function of its own samples')
})

t.test('a long gap gives its windows, wholly missing, and the grid holds', async t => {
  const source = assembler()
  const before = stream(source, 0, 5000)
  const after = stream(source, 5000 + 60 * RATE, 5000 + 72 * RATE)
  const windows = [...before, ...after, ...source.due(Microseconds(1e12))]
  t.same(
    windows.map(w => w.index),
    [...windows.keys()],
  )
  t.same(
    windows.map(w => w.missing),
    [0, 2500, ...Array(11).fill(5000), 2500, 0],
  )
  t.match(windows[5], { quality: 'uninterpretable', qualityScore: 0, missing: 5000 })
  t.ok(windows[5]!.signal.every(v => v === 0))
  t.ok(identical(windows.at(-1)!.signal, alone(windows.at(-1)!.firstSample).signal))
})

t.test('a gap of hours gives a bounded number of windows; the others are counted and keep their numbers', async t => {
  const source = assembler()
  stream(source, 0, 5000)
  const later = 3600 * 10 * RATE
  const windows = [...source.push(block(later, 10)), ...stream(source, later + 10, later + 12 * RATE)]
  windows.push(...source.due(Microseconds(1e12)))
  t.ok(windows.length < MOST_LOST_WINDOWS + 12)
  t.ok(source.counters.skipped > 7000)
  const last = windows.at(-1)!
  t.equal(last.index, windows.length + source.counters.skipped)
  t.equal(last.firstSample, last.index * 2500)
  t.same(
    source.push(block(Number.MAX_SAFE_INTEGER - 300, 255)).length < MOST_LOST_WINDOWS + 12,
    true,
    'nor any other jump',
  )
})

t.test('close gives what has begun, as incomplete', async t => {
  const source = assembler()
  stream(source, 0, 4990)
  t.same(
    source.close().map(w => [w.index, w.missing, w.quality]),
    [
      [0, 10, 'degraded'],
      [1, 2510, 'uninterpretable'],
    ],
  )
  t.same(assembler().close(), [])
})

t.test('an electrode that was off at any time takes its leads from the whole window', async t => {
  const cases = [
    { bits: 1 << 6, off: ['V3'], quality: 'degraded' },
    { bits: 1 << 3, off: [], quality: 'good' },
    { bits: 1 << 0, off: bundleInput().leads, quality: 'uninterpretable' },
  ]
  for (const { bits, off, quality } of cases) {
    const source = assembler()
    stream(source, 0, 4990)
    const [window] = source.push(block(4990, 10, { electrodesOff: bits }))
    t.same(window!.leadsOff, off)
    t.equal(window!.quality, quality)
    bundleInput().leads.forEach((lead, row) => {
      const silent = window!.signal.subarray(row * 1000, (row + 1) * 1000).every(v => v === 0)
      t.equal(silent, off.includes(lead), `${lead} with ${off.length} leads off`)
    })
  }
})

t.test('a saturated amplifier degrades a window and, for most of it, makes it uninterpretable', async t => {
  for (const [share, quality] of [
    [0.02, 'degraded'],
    [0.6, 'uninterpretable'],
  ] as const) {
    const source = assembler()
    source.push(block(0, 5000 * share, { saturated: true }))
    const [window] = stream(source, 5000 * share, 5000)
    t.equal(window!.quality, quality)
    t.match(window!.reasons, [/^The amplifier was saturated for/])
  }
})

t.test('leads that a device does not have are zero, and said', async t => {
  const [window] = stream(assembler({ names: ['II', 'x', 'V1', 'V2', 'V3', 'V4', 'V5', 'V6'] }), 0, 5000)
  t.same(window!.leadsAbsent, ['I', 'III', 'aVR', 'aVL', 'aVF'])
  t.match(window, { quality: 'degraded', qualityScore: 7 / 12 })
  const one = { ...bundleInput(), minimumLeads: 8 }
  const [poor] = stream(assembler({ names: ['II', ...Array(7).fill('x')], input: one }), 0, 5000)
  t.match(poor, { quality: 'uninterpretable', reasons: ['1 of 12 leads can be used, and the model needs 8.', String] })
  t.throws(() => assembler({ names: ['x', 'resp'] }), { code: 'no-lead', exitCode: 2 })
})

t.test('a device rate that the bundle has no filter for is refused', async t => {
  const input = { ...bundleInput(), resampling: [] }
  t.throws(() => assembler({ input }), {
    code: 'unsupported-rate',
    message: 'The bundle cannot use 500 Hz; it accepts 100 Hz.',
  })
  const wrong = bundleInput().resampling.map(r => ({ ...r, down: r.down + 1 }))
  t.throws(() => assembler({ input: { ...input, resampling: wrong } }), { code: 'bad-resampling' })
})

t.test('where packets are long, a window waits long enough for one that was overtaken', async t => {
  const LONG = 200 // 400 ms
  const source = assembler({ hop: 10, patience: 0.25 })
  for (let first = 0; first < 4800; first += LONG) source.push(block(first, LONG))
  t.same(source.push(block(5000, LONG)), [], 'the last packet of the window has been overtaken')
  t.same(
    source.due(Microseconds(((5000 + LONG) / RATE + 0.3) * SECOND)),
    [],
    'longer than the patience that was asked for',
  )
  const [window] = source.push(block(4800, LONG, { arrived: 10.9 }))
  t.equal(window?.missing, 0)
})

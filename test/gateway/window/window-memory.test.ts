import { memoryUsage } from 'node:process'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { INDEPENDENT_LEADS } from '../../../ecg/leads.js'
import { Hertz, Microseconds, Millivolts, SampleIndex, Seconds } from '../../../ecg/units.js'
import type { SampleBlock } from '../../../firmware-bridge/device-stream.js'
import { WindowAssembler } from '../../../gateway/window/window-assembler.js'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import { SHIPPED_BUNDLE } from '../../../models/shipped-assets.js'

const RATE = 500
const HOP = 5
const CHANNELS = INDEPENDENT_LEADS.length
/** Windows until the JIT has compiled everything, at most: on a busy machine it takes its time. */
const MOST_WINDOWS = 1500
/** Windows that must be small one after another: where garbage is collected meanwhile, a single one seems smaller than it is. */
const IN_A_ROW = 10
/** KiB a window: one boxed number a sample would be 16 × 5000 × 8 bytes = 625, and two collections of garbage for each window. */
const MOST = 150

function hopBlock(first: number): SampleBlock {
  const values = new Int32Array(HOP * RATE * CHANNELS)
  for (let i = 0; i < values.length; i++) values[i] = 600 * Math.sin(first + i / 37) + (((first + i) * 7919) % 101)
  return {
    first: SampleIndex(first),
    count: HOP * RATE,
    channels: CHANNELS,
    values,
    electrodesOff: 0,
    saturated: false,
    retransmission: false,
    arrived: Microseconds((first / RATE) * 1e6),
  }
}

t.test('a window is made without a number in memory for each sample', async t => {
  const { manifest, quality } = await loadBundle(SHIPPED_BUNDLE, [])
  const assembler = new WindowAssembler({
    boot: 1,
    rate: Hertz(RATE),
    channels: INDEPENDENT_LEADS.map(name => ({ name, lsb: Millivolts(0.001), baseline: 0 })),
    input: manifest.input,
    quality,
    hop: Seconds(HOP),
    patience: Seconds(1),
  })
  let kib = 0
  let windows = 0
  let small = 0
  for (let hop = 0; windows < MOST_WINDOWS && small < IN_A_ROW; hop++) {
    const block = hopBlock(hop * HOP * RATE)
    await turn()
    const before = memoryUsage().heapUsed
    const [window] = assembler.push(block)
    kib = (memoryUsage().heapUsed - before) / 1024
    if (window === undefined) continue
    windows++
    small = kib > 0 && kib < MOST ? small + 1 : 0
    if (window.quality === 'uninterpretable') t.fail(window.reasons.join(' '))
    assembler.recycle(window)
  }
  t.equal(small, IN_A_ROW, `${kib.toFixed(0)} KiB for the last of ${windows} windows`)
})

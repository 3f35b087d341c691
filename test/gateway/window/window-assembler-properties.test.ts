import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Hertz, Microseconds, Millis, Millivolts, SampleIndex, Seconds } from '../../../ecg/units.js'
import type { SampleBlock } from '../../../firmware-bridge/device-stream.js'
import { MOST_LOST_WINDOWS, MOST_PATIENCE, WindowAssembler } from '../../../gateway/window/window-assembler.js'
import { bundleInput } from './bundle-input.js'

const RATE = 100
const WINDOW = 50
const input = { ...bundleInput(), leads: ['I' as const], rate: RATE, samples: WINDOW, resampling: [] }
const value = (index: number): number => ((index * 7919) % 4001) - 2000

function block(first: number, count: number): SampleBlock {
  const values = Int32Array.from({ length: count }, (_, s) => value(first + s))
  const flags = { electrodesOff: 0, saturated: false, retransmission: false }
  return { first: SampleIndex(first), count, channels: 1, values, arrived: Microseconds(0), ...flags }
}

const assembler = (hopSamples: number, patience: Millis) =>
  new WindowAssembler({
    boot: 1,
    rate: Hertz(RATE),
    channels: [{ name: 'I', lsb: Millivolts(0.001), baseline: 0 }],
    input,
    hop: Millis((hopSamples * 1000) / RATE),
    patience,
  })

t.test('whatever is lost, repeated or out of order, what is missing is what never came', async () => {
  const packet = fc.record({ lost: fc.boolean(), repeats: fc.nat(2), delay: fc.nat(40) })
  fc.assert(
    fc.property(fc.array(packet, { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 80 }), (packets, hop) => {
      const sent = packets.flatMap(({ lost, repeats, delay }, i) =>
        lost && i > 0
          ? []
          : Array.from({ length: repeats + 1 }, (_, r) => ({ i, at: i > 0 ? i + delay * r + delay : 0 })),
      )
      const source = assembler(hop, Seconds(60))
      const windows = sent.sort((a, b) => a.at - b.at).flatMap(({ i }) => source.push(block(i * 10, 10)))
      windows.push(...source.close())
      const arrived = new Set(sent.map(({ i }) => i))
      windows.forEach(({ index, firstSample, missing, signal, quality }, k) => {
        const came = (sample: number) => arrived.has(Math.floor((firstSample + sample) / 10))
        const samples = Array.from({ length: WINDOW }, (_, s) => s)
        assert.equal(index, k)
        assert.equal(firstSample, k * hop)
        assert.equal(missing, samples.filter(s => !came(s)).length)
        if (quality !== 'uninterpretable')
          assert.ok(samples.every(s => !came(s) || signal[s] === Math.fround(value(firstSample + s) * 0.001)))
      })
    }),
    { numRuns: 100 },
  )
})

t.test('no sequence of indices makes it fail, or give windows without bound', async () => {
  const first = fc.oneof(
    fc.nat(1000),
    fc.maxSafeNat().map(n => Math.max(0, n - 1000)),
  )
  const blocks = fc.array(fc.tuple(first, fc.integer({ min: 1, max: 255 })), { maxLength: 30 })
  fc.assert(
    fc.property(blocks, fc.integer({ min: 1, max: 200 }), (blocks, hop) => {
      const source = assembler(hop, Millis(500))
      let last = -1
      for (const [first, count] of blocks) {
        const windows = source.push(block(first, count))
        // Those that the gap lost, those that are held (two windows and the longest wait), and those of the block itself.
        const held = Math.ceil((2 * WINDOW + (MOST_PATIENCE * RATE) / 1000) / hop) + 1
        const inBlock = Math.ceil((255 + WINDOW) / hop) + 1
        assert.ok(windows.length <= MOST_LOST_WINDOWS + held + inBlock)
        for (const { index } of windows) {
          assert.ok(index > last)
          last = index
        }
      }
      source.close()
    }),
    {
      numRuns: 200,
      examples: [
        [
          [
            [0, 1],
            [27389151444144, 1],
            [3189997541638468, 238],
          ] as [number, number][],
          84,
        ],
      ],
    },
  )
})

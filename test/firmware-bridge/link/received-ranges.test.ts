import fc from 'fast-check'
import t from 'tap'
import { createReceivedRanges } from '../../../firmware-bridge/link/received-ranges.js'

t.test('any blocks in any order: missing, duplicate and fresh are those of a plain set', async () => {
  const block = fc.record({ first: fc.nat(400), count: fc.integer({ min: 1, max: 30 }) })
  fc.assert(
    fc.property(fc.array(block, { maxLength: 60 }), blocks => {
      const ranges = createReceivedRanges()
      const set = new Set<number>()
      for (const [at, { first, count }] of blocks.entries()) {
        const fresh: number[] = []
        const duplicates = ranges.add(first, count, at, (from, length) => {
          for (let i = 0; i < length; i++) fresh.push(from + i)
        })
        const expected = Array.from({ length: count }, (_, i) => first + i).filter(index => !set.has(index))
        for (const index of expected) set.add(index)
        if (fresh.join() !== expected.join() || duplicates !== count - expected.length) return false
        const missing = Math.max(...set) + 1 - Math.min(...set) - set.size
        const inGaps = ranges.gaps.reduce((sum, gap) => sum + gap.end - gap.first, 0)
        if (ranges.missing !== missing || inGaps !== missing || ranges.next !== Math.max(...set) + 1) return false
        if (ranges.gaps.some((gap, i) => gap.first >= gap.end || gap.first <= (ranges.gaps[i - 1]?.end ?? -1)))
          return false
      }
      return true
    }),
    { numRuns: 500 },
  )
})

t.test('the list of gaps is bounded, and a gap forgotten stays missing', async t => {
  const ranges = createReceivedRanges()
  for (let i = 0; i < 10_000; i++) ranges.add(i * 2, 1, i, () => {})
  t.equal(ranges.missing, 9_999)
  t.ok(ranges.gaps.length <= 4096)
  t.equal(
    ranges.add(1, 1, 0, () => t.fail('nobody remembers whether it came')),
    1,
  )
  t.equal(ranges.missing, 9_999)
})

t.test('nor does a device that fills one gap at every second sample make it grow', async t => {
  const ranges = createReceivedRanges()
  ranges.add(0, 1, 0, () => {})
  ranges.add(100_000, 1, 0, () => {})
  for (let i = 1; i < 20_000; i++) ranges.add(i * 2, 1, i, () => {})
  t.ok(ranges.gaps.length <= 4096, `${ranges.gaps.length} gaps`)
  t.equal(ranges.missing, 100_001 - 2 - 19_999)
})

t.test('gaps are cut where they are told to be, and nowhere else', async t => {
  const ranges = createReceivedRanges()
  for (const first of [0, 100, 200]) ranges.add(first, 10, 0, () => {})
  ranges.cut(5, 130)
  ranges.cut(150, 160)
  t.same(
    ranges.gaps.map(({ first, end }) => [first, end]),
    [
      [10, 100],
      [110, 130],
      [130, 150],
      [150, 160],
      [160, 200],
    ],
  )
  t.equal(ranges.missing, 180)
  ranges.add(140, 30, 1, () => {})
  t.equal(ranges.missing, 150)
})

import fc from 'fast-check'
import t from 'tap'
import { createSequenceCheck } from '../../../firmware-bridge/link/sequence-check.js'

t.test('loss is counted across the wrap', async t => {
  const check = createSequenceCheck()
  for (const sequence of [65533, 65534, 1, 2]) check.note(sequence, 0)
  t.equal(check.lost, 2)
})

t.test('a late packet was not lost, a repeated one is told', async t => {
  const check = createSequenceCheck()
  t.same(
    [10, 12, 11, 11, 12, 13].map(sequence => check.note(sequence, 0)),
    ['next', 'next', 'late', 'duplicate', 'duplicate', 'next'],
  )
  t.equal(check.lost, 0)
})

t.test('numbers from before the first packet are neither lost nor late', async t => {
  const check = createSequenceCheck()
  t.same(
    [100, 99].map(sequence => check.note(sequence, 0)),
    ['next', 'duplicate'],
  )
  t.equal(check.lost, 0)
})

t.test('after an outage of most of the numbers there are, what comes is new', async t => {
  const check = createSequenceCheck()
  t.same(
    [100, 40_100, 40_101, 40_101].map(sequence => check.note(sequence, 0)),
    ['next', 'next', 'next', 'duplicate'],
  )
  t.equal(check.lost, 39_999)
})

t.test(
  'what is newer by more than a carrier reorders is new, and one number that comes again is not a repetition',
  async t => {
    const check = createSequenceCheck()
    const minutes = 60e6
    check.note(100, minutes)
    t.equal(check.note(64_900, 30 * minutes), 'next', 'a few hundred short of a whole turn')
    t.equal(check.note(64_899, 30 * minutes - 30_000), 'late')
    t.equal(check.note(64_900, 60 * minutes), 'next', 'a whole turn')
    t.equal(check.lost, 64_800 - 2 + 65_535)
  },
)

t.test('a sender that begins again loses nothing by it', async t => {
  const check = createSequenceCheck()
  for (const sequence of [5, 7]) check.note(sequence, 0)
  check.restart()
  for (const sequence of [3000, 3001]) check.note(sequence, 0)
  t.equal(check.lost, 1)
})

t.test('whatever is dropped, repeated or overtaken, lost is exactly what never came', async () => {
  fc.assert(
    fc.property(
      fc.nat(0xffff),
      fc.array(fc.record({ drop: fc.boolean(), late: fc.nat(5), again: fc.boolean() }), { maxLength: 3000 }),
      (start, fates) => {
        const kept = fates.map((fate, i) => ({ ...fate, i })).filter(({ drop, i }) => !drop || i === 0)
        const order = kept
          .flatMap(({ i, late, again }) => [{ i, at: i + (i && late) }, ...(again ? [{ i, at: i + 3 }] : [])])
          .sort((a, b) => a.at - b.at || a.i - b.i)
        const check = createSequenceCheck()
        for (const { i } of order) check.note((start + i) & 0xffff, i * 30_000)
        const newest = Math.max(0, ...kept.map(({ i }) => i))
        return check.lost === (kept.length ? newest + 1 - kept.length : 0)
      },
    ),
  )
})

import fc from 'fast-check'
import t from 'tap'
import { LeadRing } from '../../../../gateway/monitor/live/lead-ring.js'

t.test('holds the newest samples, with gaps as gaps, whatever order they come in', async t => {
  const block = fc.record({ first: fc.integer({ min: 0, max: 60 }), count: fc.integer({ min: 1, max: 25 }) })
  fc.assert(
    fc.property(fc.array(block, { minLength: 1, maxLength: 12 }), blocks => {
      const capacity = 16
      const ring = new LeadRing(1, capacity)
      const truth = new Map<number, number>()
      let end = 0
      let origin: number | undefined
      for (const [n, { first, count }] of blocks.entries()) {
        origin ??= first
        ring.advance(first, first + count)
        end = Math.max(end, first + count)
        for (let index = Math.max(first, ring.start); index < first + count; index++) {
          ring.put(0, index, n)
          truth.set(index, n)
        }
      }
      for (let index = 0; index < 100; index++) {
        const kept = index >= Math.max(origin!, end - capacity) && index < end
        const expected = kept ? (truth.get(index) ?? Number.NaN) : Number.NaN
        if (!Object.is(ring.at(0, index), expected)) return false
      }
      return true
    }),
  )
  t.pass()
})

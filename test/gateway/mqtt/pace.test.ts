import t from 'tap'
import { Millis } from '../../../ecg/units.js'
import { createPace } from '../../../gateway/mqtt/pace.js'

t.test('a burst at once, then the rate, and never more than a burst after a rest', async t => {
  let now = 0
  const pace = createPace(100, 5, { monotonic: () => Millis(now) })
  t.equal(pace.available, 5)
  for (let i = 0; i < 5; i++) pace.take()
  t.equal(pace.available, 0)
  t.equal(pace.wait, 10)
  now += 9
  t.equal(pace.available, 0)
  now += 1
  t.equal(pace.available, 1)
  t.equal(pace.wait, 0)
  now += 60_000
  t.equal(pace.available, 5)
})

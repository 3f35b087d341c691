import t from 'tap'
import { Millis } from '../../ecg/units.js'
import { createWindowRate } from '../../gateway/window-rate.js'

/** A window every five seconds, for so many seconds. */
function after(seconds: number) {
  let now = 1_000_000
  const rate = createWindowRate({ monotonic: () => Millis(now) })
  for (let second = 1; second <= seconds; second++) {
    now += 1000
    if (second % 5 === 0) rate.count()
  }
  return { rate, pass: (ms: number) => (now += ms) }
}

t.test('everybody who asks for the rate of windows is told the same, however soon after another', async t => {
  const { rate } = after(300)
  t.same([rate.perSecond(), rate.perSecond(), rate.perSecond()], [0.2, 0.2, 0.2])
})

t.test('the rate is that of the last minute, and right from the start', async t => {
  t.equal(after(0).rate.perSecond(), 0)
  t.equal(after(20).rate.perSecond(), 0.2)
  const { rate, pass } = after(3600)
  pass(30_000)
  t.equal(rate.perSecond(), 0.1)
  pass(30_000)
  t.equal(rate.perSecond(), 0)
})

import t from 'tap'
import { kindOf, lookOf } from '../../../../gateway/monitor/page/alarm-words.js'
import { saliencyWords } from '../../../../gateway/monitor/page/saliency-words.js'
import { dateAndTime, uncertainty } from '../../../../gateway/monitor/page/times.js'

t.test('where the model looked, in words', async t => {
  const steps = Array.from({ length: 100 }, (_, i) => (i >= 20 && i < 25 ? 1 : i === 60 ? 0.6 : i === 80 ? 0.4 : -0.2))
  t.equal(saliencyWords(steps), 'The model looked most at 2.0–2.5 s, 6.0–6.1 s.')
  t.match(saliencyWords([]), /gives no part/)
  t.match(saliencyWords([-1, -2]), /gives no part/)
})

t.test('a finding of the model never looks like an alarm, unless the site has raised it', async t => {
  t.equal(lookOf({ priority: 'PN' }), 'advisory')
  t.equal(kindOf({ type: 'SA', priority: 'PN' }), 'Advisory')
  t.equal(kindOf({ type: 'SA', priority: 'PM' }), 'Advisory · medium priority')
  t.equal(kindOf({ type: 'ST', priority: 'PL' }), 'Technical · low priority')
  t.same(
    (['PH', 'PM', 'PL'] as const).map(priority => lookOf({ priority })),
    ['high', 'medium', 'low'],
  )
})

t.test('a time says of which zone it is, and on which side of the change of clocks', async t => {
  const before = process.env.TZ
  t.teardown(() => {
    if (before === undefined) delete process.env.TZ
    else process.env.TZ = before
  })
  process.env.TZ = 'Europe/Berlin'
  t.equal(dateAndTime(Date.UTC(2026, 9, 25, 0, 30)), '2026-10-25 02:30:00 GMT+2')
  t.equal(dateAndTime(Date.UTC(2026, 9, 25, 1, 30)), '2026-10-25 02:30:00 GMT+1')
})

t.test('an uncertainty is overstated rather than understated', async t => {
  t.equal(uncertainty(7.1), '± 8 ms')
  t.equal(uncertainty(1250), '± 1.3 s')
  t.equal(uncertainty(null), 'clock not yet known')
})

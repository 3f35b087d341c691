import t from 'tap'
import { Millis } from '../../../ecg/units.js'
import { createTrialPeriod } from '../../../gateway/model/trial-period.js'

const limits = { windows: 5, latency: Millis(100), slowWindows: 1 }
const [quick, slow] = [Millis(20), Millis(150)]

t.test('a bundle has proved itself when enough windows were answered in time', async t => {
  const trial = createTrialPeriod(0, limits)
  for (let i = 1; i < 5; i++) t.equal(trial.answered(i === 2 ? slow : quick), null, 'one slow window is forgiven')
  t.same(trial.answered(quick), { passed: true })
})

t.test('a bundle that is too slow has failed', async t => {
  const trial = createTrialPeriod(0, limits)
  trial.answered(slow)
  t.same(trial.answered(slow), { passed: false, fault: '2 of 2 windows took longer than 100 ms' })
})

t.test('windows of earlier runs of the gateway count', async t => {
  const trial = createTrialPeriod(4, limits)
  t.same(trial.answered(quick), { passed: true })
  t.equal(trial.windows, 5)
})

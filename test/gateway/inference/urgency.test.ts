import t from 'tap'
import { createUrgency } from '../../../gateway/inference/urgency.js'
import { task } from '../alerts/alert-rig.js'

const alert = { need: 2, of: 3, clearBelow: 0.4 }

t.test('a patient is as urgent as the most urgent alert that the last window was not clear of', async t => {
  const urgency = createUrgency([
    task('VF', { alert: { ...alert, tier: 'acute' } }),
    task('AFIB', { alert: { ...alert, tier: 'prompt' } }),
    task('LVH', { alert: { ...alert, tier: 'screening' } }),
    task('NORM', { alert: null }),
  ])
  t.equal(urgency.of('a'), 'screening')
  urgency.learn('a', [0.4, 0.9, 0.9, 1])
  urgency.learn('b', [0.39, 0.4, 0.9, 1])
  t.equal(urgency.of('a'), 'acute')
  t.equal(urgency.of('b'), 'prompt')
  urgency.learn('a', [0.39, 0.39, 0.9, 1])
  t.equal(urgency.of('a'), 'screening')
})

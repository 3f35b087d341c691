import t from 'tap'
import { Millis } from '../../../ecg/units.js'
import { createAlertAccountant } from '../../../gateway/alerts/alert-account.js'
import { alertRig, HOP_MS, task } from './alert-rig.js'

t.test('delays are told by tier, as the rules allow them and as they were; suppressions by reason', async t => {
  const tasks = [task('AFIB'), task('LVH', { alert: { tier: 'screening', need: 1, of: 1, clearBelow: 0.5 } })]
  const rig = alertRig(tasks, { tasks: { PVC: { enabled: false } } })
  const accountant = createAlertAccountant()
  for (const AFIB of [0.9, 0, 0.9]) rig.window({ AFIB, LVH: 0 })
  for (const transition of rig.said) accountant.transition(transition)
  accountant.transition(rig.condition('d', 'DEVICE_LOST', 'unplugged')[0]!)
  for (const reason of ['refractory', 'refractory', 'disabled'] as const)
    accountant.suppressed({ device: 'd', key: 'PVC', reason, probability: 0.9 })
  t.strictSame(accountant.account(rig.engine.rules, Millis(HOP_MS)), {
    delay: {
      prompt: { tasks: 1, minimumMs: 5000, starts: 1, medianMs: 10_020, maximumMs: 10_020 },
      screening: { tasks: 1, minimumMs: 25_000, starts: 0, medianMs: null, maximumMs: null },
    },
    suppressed: { refractory: 2, disabled: 1 },
  })
})

t.test('windows that reach the threshold and are too few are a suppression of their own', async t => {
  const rig = alertRig([task('AFIB')])
  for (const AFIB of [0.9, 0, 0, 0, 0]) rig.window({ AFIB })
  t.match(rig.suppressions, [{ key: 'AFIB', reason: 'not persistent' }])
})

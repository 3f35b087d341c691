import t from 'tap'
import type { SiteTaskRule } from '../../../gateway/alerts/finding-rule.js'
import { alertRig, inWords, task } from './alert-rig.js'

const AFIB = task('AFIB')

/** What a run of windows says under the site's rule for AFIB. */
function said(rule: SiteTaskRule, ...probabilities: number[]) {
  const rig = alertRig([AFIB], { tasks: { AFIB: rule } })
  for (const probability of probabilities) rig.window({ AFIB: probability })
  return { words: inWords(rig.said), ...rig }
}

t.test('a site raises or lowers a threshold, and the lower one follows', async t => {
  t.same(said({ threshold: 0.95 }, 0.9, 0.9, 0.9).words, [])
  t.same(said({ threshold: 0.4 }, 0.45, 0.45).words, ['start AFIB active'])
  t.same(said({ threshold: 0.4 }, 0.45, 0.45, 0.3, 0.3, 0.3).words, ['start AFIB active'], 'not below 0.25')
  t.same(said({ threshold: 0.4 }, 0.45, 0.45, 0.2, 0.2, 0.2).words.at(-1), 'end AFIB inactive')
  t.same(said({ threshold: 0.4, clearBelow: 0.4 }, 0.45, 0.45, 0.3, 0.3, 0.3).words.at(-1), 'end AFIB inactive')
})

t.test('a site asks for more windows, and for a longer silence', async t => {
  t.same(said({ need: 4 }, 0.9, 0.9, 0.9).words, [])
  t.same(said({ need: 4 }, 0.9, 0.9, 0.9, 0.9).words, ['start AFIB active'])
  const again = [0.9, 0.9, 0, 0, 0, ...Array(20).fill(0), 0.9, 0.9]
  t.equal(said({}, ...again).words.length, 3)
  t.equal(said({ refractorySeconds: 600 }, ...again).words.length, 2)
})

t.test('a silence of days outlasts a device that is off for a day', async t => {
  const rig = said({ refractorySeconds: 3 * 86_400 }, 0.9, 0.9, 0, 0, 0)
  rig.wait(2 * 86_400_000)
  for (const AFIB of [0.9, 0.9]) rig.window({ AFIB })
  t.same(inWords(rig.said), ['start AFIB active', 'end AFIB inactive'])
  rig.wait(86_400_000)
  rig.window({ AFIB: 0.9 })
  t.same(inWords(rig.said).slice(2), ['start AFIB active'])
})

t.test('a task that is switched off is logged as such', async t => {
  const { words, suppressions } = said({ enabled: false }, 0.9, 0.9, 0.9)
  t.same(words, [])
  t.match(suppressions, [{ key: 'AFIB', reason: 'disabled' }])
})

t.test(
  'a task that the bundle leaves quiet alerts when the site gives it a tier, but never without evidence',
  async t => {
    const quiet = task('STACH', { alert: null })
    const unproven = task('RARE', { alert: null, evidence: null })
    const rig = alertRig([quiet, unproven], { tasks: { STACH: { tier: 'prompt' }, RARE: { tier: 'acute' } } })
    for (let i = 0; i < 5; i++) rig.window({ STACH: 0.9, RARE: 0.9 })
    t.same(inWords(rig.said), ['start STACH active'])
    t.match(rig.suppressions, [{ key: 'RARE', reason: 'barred' }])
  },
)

t.test('a rule that could never work is refused', async t => {
  t.throws(() => said({ clearBelow: 0.9 }), { code: 'ALERT_RULE', message: /alerts\.tasks/ })
  t.throws(() => said({ need: 3, of: 2 }), { code: 'ALERT_RULE' })
})

t.test('a technical condition is given a priority, a delay, or silence', async t => {
  const rig = alertRig([], {
    technical: {
      DEVICE_LOST: { priority: 'PM' },
      STREAM_STALLED: { raiseAfterSeconds: 30 },
      DATA_GAP: { enabled: false },
    },
  })
  t.match(rig.condition('d', 'DEVICE_LOST', 'unplugged'), [{ phase: 'start', priority: 'PM', type: 'ST' }])
  t.same(rig.condition('d', 'STREAM_STALLED', 'silent'), [])
  t.same(rig.condition('d', 'DATA_GAP', '3 samples'), [])
  t.match(rig.suppressions, [{ key: 'DATA_GAP', reason: 'disabled' }])
  t.match(rig.wait(30_000), [{ condition: { key: 'STREAM_STALLED' }, delayMs: 30_000 }])
})

t.test('rules that change while alerts are up: they stay, or end when their task may no longer alert', async t => {
  const rig = alertRig([AFIB, task('PVC')])
  for (let i = 0; i < 2; i++) rig.window({ AFIB: 0.9, PVC: 0.9 })
  rig.condition('patch-1', 'DEVICE_LOST', 'unplugged')
  t.throws(() => rig.engine.change({ tasks: [AFIB], site: { tasks: { AFIB: { clearBelow: 1 } } } }), {
    code: 'ALERT_RULE',
  })
  t.equal(rig.engine.open().length, 3, 'a change that cannot be is none')
  const said = rig.engine.change({
    tasks: [AFIB, task('PVC')],
    site: {
      tasks: { PVC: { enabled: false }, AFIB: { threshold: 0.95 } },
      technical: { DEVICE_LOST: { enabled: false } },
    },
  })
  t.same(inWords([...said, ...rig.wait(0)]), ['end PVC inactive', 'end DEVICE_LOST inactive'])
  t.same(inWords(rig.engine.change({ tasks: [task('PVC')] })), ['end AFIB inactive'], 'a bundle without the task')
  for (let i = 0; i < 3; i++) rig.window({ PVC: 0.9 })
  t.same(inWords(rig.engine.open()), ['start PVC active'], 'and what was switched off is on again')
})

import t from 'tap'
import { SCREENING_MINIMUM } from '../../../gateway/alerts/screening.js'
import { alertRig, inWords, task } from './alert-rig.js'

const LVH = task('LVH', { alert: { tier: 'screening', need: 3, of: 4, clearBelow: 0.5 } })

const repeat = (
  rig: ReturnType<typeof alertRig>,
  times: number,
  probability: number,
  quality?: 'good' | 'degraded',
) => {
  for (let i = 0; i < times; i++) rig.window({ LVH: probability }, quality && { quality })
}

t.test('a screening finding needs the median of at least six good windows', async t => {
  const rig = alertRig([LVH])
  repeat(rig, SCREENING_MINIMUM - 1, 0.9)
  t.same(rig.said, [])
  repeat(rig, 20, 0.9, 'degraded')
  t.same(rig.said, [], 'degraded windows do not count')
  repeat(rig, 1, 0.9)
  t.same(inWords(rig.said), ['start LVH active'])
  t.equal(rig.said[0]!.delayMs, 25 * 5000 + 20, 'from the arrival of the first window that counted')
})

t.test('a third of the windows, however high, is not a finding', async t => {
  const rig = alertRig([LVH])
  for (let i = 0; i < 300; i++) rig.window({ LVH: i % 3 === 0 ? 1 : 0 })
  t.same(rig.said, [])
})

t.test('it ends when the median falls, and does not come back in the same shift', async t => {
  const rig = alertRig([LVH])
  repeat(rig, 12, 0.9)
  repeat(rig, 12, 0)
  t.same(inWords(rig.said), ['start LVH active', 'end LVH inactive'])
  repeat(rig, 12, 0.9)
  t.equal(rig.said.length, 2)
  t.match(rig.suppressions.at(-1), { key: 'LVH', reason: 'refractory' })
  rig.pass(12 * 3600_000)
  repeat(rig, 1, 0.9)
  t.same(inWords(rig.said).slice(2), ['start LVH active'])
})

t.test('good windows of long ago, and of another boot, do not count', async t => {
  const rig = alertRig([LVH])
  repeat(rig, 5, 0.9)
  rig.window({ LVH: 0.9 }, { index: 400 })
  t.same(rig.said, [])
  const rebooted = alertRig([LVH])
  repeat(rebooted, 5, 0.9)
  rebooted.window({ LVH: 0.9 }, { boot: 2 })
  t.same(rebooted.said, [])
})

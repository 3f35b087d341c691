import t from 'tap'
import { LATCHED_FOR, LATCHED_OVER_FOR } from '../../../gateway/alerts/finding.js'
import { alertRig, inWords, task } from './alert-rig.js'

t.test('after a restart findings go on under their id, latched; technical alerts end', async t => {
  const before = alertRig([task('AFIB'), task('LVH')])
  before.condition('patch-1', 'DEVICE_LOST', 'gone')
  for (let i = 0; i < 2; i++) before.window({ AFIB: 0.9, LVH: 0.9 })
  const [lost, afib, lvh] = before.said

  const after = alertRig([task('AFIB')])
  const said = after.engine.resume(before.said)
  t.same(inWords(said), ['end DEVICE_LOST inactive', 'update AFIB latched', 'end LVH inactive'])
  t.same(
    said.map(({ id }) => id),
    [lost!.id, afib!.id, lvh!.id],
  )
  t.equal(said[1]!.raised, afib!.raised)
  after.window({ AFIB: 0.9 })
  t.same(inWords(after.said), ['update AFIB active'])
  t.equal(after.said[0]!.id, afib!.id)
})

t.test('a resumed alert that is no longer so is reset', async t => {
  const before = alertRig([task('AFIB')])
  for (let i = 0; i < 2; i++) before.window({ AFIB: 0.9 })
  const after = alertRig([task('AFIB')])
  after.engine.resume(before.said)
  for (let i = 0; i < 3; i++) after.window({ AFIB: 0 })
  t.same(inWords(after.said), ['reset AFIB inactive'])
})

t.test('one that was latched before goes on as latched, and is reset when its task is gone', async t => {
  const before = alertRig([task('AFIB')])
  for (let i = 0; i < 2; i++) before.window({ AFIB: 0.9 })
  before.wait(60_000)
  const latched = before.said.slice(-1)
  t.same(inWords(alertRig([task('AFIB')]).engine.resume(latched)), ['continue AFIB latched'])
  t.same(inWords(alertRig([]).engine.resume(latched)), ['reset AFIB inactive'])
})

t.test(
  'one that is over and waits for somebody to see it still does so after a restart, without its device',
  async t => {
    const site = { tasks: { AFIB: { latch: true } } }
    const before = alertRig([task('AFIB')], site)
    for (let i = 0; i < 2; i++) before.window({ AFIB: 0.9 })
    for (let i = 0; i < 3; i++) before.window({ AFIB: 0 })
    t.same(inWords(before.said), ['start AFIB active', 'update AFIB latched'])
    const left = before.said.slice(-1)

    const unseen = alertRig([task('AFIB')], site)
    t.same(inWords(unseen.engine.resume(left)), ['continue AFIB latched'])
    unseen.wait(LATCHED_FOR)
    t.same(inWords(unseen.engine.open()), ['continue AFIB latched'])
    t.same(inWords(unseen.wait(LATCHED_OVER_FOR)), ['reset AFIB inactive'])

    const seen = alertRig([task('AFIB')], site)
    seen.engine.resume(left)
    const { id } = left[0]!
    t.same(inWords(seen.acknowledge(id, null)), ['reset AFIB inactive'])
  },
)

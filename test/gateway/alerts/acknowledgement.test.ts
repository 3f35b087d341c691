import t from 'tap'
import { CONTINUE_EVERY } from '../../../gateway/alerts/open-alert.js'
import { alertRig, inWords, task } from './alert-rig.js'

const AFIB = task('AFIB')
const windows = (rig: ReturnType<typeof alertRig>, ...probabilities: number[]) => {
  for (const probability of probabilities) rig.window({ AFIB: probability })
}

t.test('an acknowledged alert says so for the rest of its life, and acknowledging it again says nothing', async t => {
  const rig = alertRig([AFIB])
  windows(rig, 0.9, 0.9)
  const [start] = rig.said
  t.match(rig.acknowledge(start!.id, 'nurse-7'), [
    { phase: 'update', state: 'active', id: start!.id, acknowledged: { by: 'nurse-7', at: Number } },
  ])
  t.same(rig.acknowledge(start!.id, 'nurse-8'), [])
  rig.pass(CONTINUE_EVERY)
  windows(rig, 0.9)
  rig.wait(0)
  windows(rig, 0, 0, 0)
  t.match(rig.said.slice(2), [
    { phase: 'continue', acknowledged: { by: 'nurse-7' } },
    { phase: 'end', acknowledged: { by: 'nurse-7' } },
  ])
  t.throws(() => rig.acknowledge(start!.id, null), { code: 'ALERT_UNKNOWN' })
})

t.test('a technical alert is acknowledged too', async t => {
  const rig = alertRig([])
  const [start] = rig.condition('d', 'DEVICE_LOST', 'unplugged')
  t.match(rig.acknowledge(start!.id, null), [{ phase: 'update', type: 'ST', acknowledged: { by: null } }])
  t.throws(() => rig.engine.reset(start!.id), { code: 'ALERT_ACTIVE' })
})

t.test('an alert that is active cannot be reset; one that is latched can', async t => {
  const rig = alertRig([AFIB])
  windows(rig, 0.9, 0.9)
  const { id } = rig.said[0]!
  t.throws(() => rig.engine.reset(id), { code: 'ALERT_ACTIVE' })
  rig.wait(60_000)
  t.match(rig.said.at(-1), { state: 'latched' })
  t.match(rig.engine.reset(id), [{ phase: 'reset', state: 'inactive', id }])
  t.same(rig.engine.open(), [])
})

t.test('where the site lets alerts latch, one that is over stays until somebody has seen it', async t => {
  const latching = () => {
    const rig = alertRig([AFIB], { tasks: { AFIB: { latch: true } } })
    windows(rig, 0.9, 0.9, 0, 0, 0, 0, 0)
    return rig
  }
  const seen = latching()
  t.same(inWords(seen.said), ['start AFIB active', 'update AFIB latched'])
  t.match(seen.acknowledge(seen.said[0]!.id, 'nurse-7'), [
    { phase: 'reset', state: 'inactive', acknowledged: { by: 'nurse-7' } },
  ])

  const back = latching()
  windows(back, 0.9)
  t.equal(back.said.length, 2, 'one window is not enough to bring it back')
  windows(back, 0.9)
  t.same(inWords(back.said).slice(2), ['update AFIB active'])
  t.equal(new Set(back.said.map(({ id }) => id)).size, 1)

  const seenBefore = alertRig([AFIB], { tasks: { AFIB: { latch: true } } })
  windows(seenBefore, 0.9, 0.9)
  seenBefore.acknowledge(seenBefore.said[0]!.id, null)
  windows(seenBefore, 0, 0, 0)
  t.same(inWords(seenBefore.said).at(-1), 'end AFIB inactive')

  for (const goesOn of [true, false]) {
    const forgotten = latching()
    const wait = (minutes: number) => {
      for (let minute = 0; minute < minutes; minute++) {
        forgotten.wait(55_000)
        if (goesOn) windows(forgotten, 0)
      }
    }
    wait(11 * 60)
    t.same(inWords(forgotten.said).at(-1), 'continue AFIB latched', 'whether or not the device is still there')
    wait(3 * 60)
    t.same(inWords(forgotten.said).at(-1), 'reset AFIB inactive', 'but no longer than a shift')
  }
})

t.test('an alert that is over and waits to be seen supersedes nothing', async t => {
  const rule = { tier: 'acute', need: 1, of: 1, clearBelow: 0.5 } as const
  const rig = alertRig([task('VF', { alert: rule }), task('VT', { alert: rule })], { tasks: { VF: { latch: true } } })
  for (const VF of [0.9, 0, 0, 0]) rig.window({ VF, VT: 0 })
  t.same(inWords(rig.said), ['start VF active', 'update VF latched'])
  rig.window({ VF: 0, VT: 0.9 })
  t.same(inWords(rig.said).slice(2), ['start VT active'])
  rig.window({ VF: 0.9, VT: 0.9 })
  t.same(inWords(rig.said).slice(3), ['update VF active', 'end VT inactive'])
})

t.test('acknowledging an alert never raises its priority, whatever the site has decided meanwhile', async t => {
  const rig = alertRig([AFIB])
  windows(rig, 0.9, 0.9)
  rig.engine.change({ tasks: [AFIB], site: { tasks: { AFIB: { priority: 'PH' } } } })
  t.match(rig.acknowledge(rig.said[0]!.id, 'nurse-7'), [{ phase: 'update', priority: 'PN', type: 'SA' }])
})

t.test('an alert that nobody acknowledges is escalated once, and falls back when somebody does', async t => {
  const site = { tasks: { AFIB: { priority: 'PL', escalate: { afterSeconds: 120, to: 'PM' } } } } as const
  const rig = alertRig([AFIB], site)
  windows(rig, 0.9, 0.9)
  t.match(rig.said[0], { phase: 'start', priority: 'PL', type: 'SP' }, 'raised by the site')
  for (let i = 0; i < 60; i++) windows(rig, 0.9) // five minutes
  rig.wait(0)
  t.same(
    rig.said.map(({ phase, priority }) => `${phase} ${priority}`),
    ['start PL', 'escalate PM'],
  )
  t.match(rig.acknowledge(rig.said[0]!.id, 'nurse-7'), [{ phase: 'deescalate', priority: 'PL', type: 'SP' }])
  for (let i = 0; i < 60; i++) windows(rig, 0.9)
  rig.wait(0)
  t.match(rig.said.at(-1), { phase: 'continue', priority: 'PL' })

  const inTime = alertRig([AFIB], site)
  windows(inTime, 0.9, 0.9)
  inTime.acknowledge(inTime.said[0]!.id, null)
  for (let i = 0; i < 60; i++) windows(inTime, 0.9)
  inTime.wait(0)
  t.notOk(inTime.said.some(({ phase }) => phase === 'escalate'))
})

t.test('an advisory that is escalated is one no longer, until it is acknowledged', async t => {
  const rig = alertRig([AFIB], { tasks: { AFIB: { escalate: { afterSeconds: 60, to: 'PL' } } } })
  windows(rig, 0.9, 0.9)
  rig.pass(60_000)
  windows(rig, 0.9)
  rig.wait(0)
  rig.acknowledge(rig.said[0]!.id, null)
  t.same(
    rig.said.map(({ phase, priority, type }) => `${phase} ${priority} ${type}`),
    ['start PN SA', 'escalate PL SP', 'deescalate PN SA'],
  )
})

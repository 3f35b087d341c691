import t from 'tap'
import { LATCH_AFTER, LATCHED_FOR } from '../../../gateway/alerts/finding.js'
import { CONTINUE_EVERY } from '../../../gateway/alerts/open-alert.js'
import { SUPERSEDES } from '../../../gateway/alerts/supersession.js'
import { alertRig, HOP_MS, inWords, task } from './alert-rig.js'

const AFIB = task('AFIB')

t.test('need of the last windows at or above the threshold start an alert, and not one fewer', async t => {
  const cases: Array<{ p: number[]; startsAt: number | null }> = [
    { p: [0.9, 0.9], startsAt: 1 },
    { p: [0.9, 0.1, 0.9], startsAt: 2 },
    { p: [0.8, 0.8], startsAt: 1 },
    { p: [0.79, 0.79, 0.79], startsAt: null },
    { p: [0.9, 0.1, 0.1, 0.9], startsAt: null },
    { p: [0.9], startsAt: null },
  ]
  for (const { p, startsAt } of cases) {
    const rig = alertRig([AFIB])
    const started = p.findIndex(AFIB => rig.window({ AFIB }).length > 0)
    t.equal(started, startsAt ?? -1, p.join(', '))
  }
})

t.test('a start carries the evidence and the window behind it', async t => {
  const rig = alertRig([AFIB])
  rig.window({ AFIB: 0.95 })
  const [start] = rig.window({ AFIB: 0.93 }, { quality: 'degraded', leadsOff: ['V3'] })
  t.match(start, {
    device: 'patch-1',
    id: /^01/,
    phase: 'start',
    state: 'active',
    priority: 'PN',
    type: 'SA',
    condition: { key: 'AFIB', display: 'display of AFIB', group: 'diagnosis' },
    evidence: { probability: 0.93, threshold: 0.8, windows: 2, model: { provider: 'cpu', precision: 'int8' } },
    signal: { rate: 500, leadsOff: ['V3'], quality: 0.4 },
    uncertaintyMs: 8,
    latencyMs: 20,
  })
  t.notOk('variant' in (start!.evidence as { model: object }).model, 'only what the message has')
})

t.test('an alert ends only after a row of windows below the lower threshold', async t => {
  const rig = alertRig([AFIB])
  for (const p of [0.9, 0.9, 0.4, 0.4, 0.6, 0.4, 0.4]) rig.window({ AFIB: p })
  t.same(inWords(rig.said), ['start AFIB active'], 'a window in between breaks the row')
  rig.window({ AFIB: 0.4 })
  t.same(inWords(rig.said), ['start AFIB active', 'end AFIB inactive'])
  t.equal(rig.said[1]!.id, rig.said[0]!.id)
  t.equal(rig.said[1]!.raised, rig.said[0]!.raised)
})

t.test('a probability that flaps does not make the alert flap', async t => {
  for (const rule of [
    { need: 1, of: 1 },
    { need: 2, of: 3 },
  ]) {
    const rig = alertRig([task('VT', { alert: { tier: 'acute', clearBelow: 0.5, ...rule } })])
    for (let i = 0; i < 50; i++) rig.window({ VT: i % 2 === 0 ? 0.95 : 0.05 })
    t.same(inWords(rig.said), ['start VT active'], `${rule.need} of ${rule.of}`)
  }
})

t.test('an uninterpretable window neither confirms nor clears, but takes its place among the last ones', async t => {
  const rig = alertRig([AFIB])
  const bad = { quality: 'uninterpretable' } as const
  rig.window({ AFIB: 0.99 }, bad)
  rig.window({ AFIB: 0.99 }, bad)
  rig.window({ AFIB: 0.99 }, bad)
  t.same(rig.said, [], 'even if probabilities come with it')
  rig.window({ AFIB: 0.9 })
  rig.window(null, bad)
  rig.window({ AFIB: 0.9 })
  t.same(inWords(rig.said), ['start AFIB active'], 'two of the last three')
  for (let i = 0; i < 9; i++) rig.window({ AFIB: 0 }, bad)
  t.equal(rig.said.length, 1)

  const apart = alertRig([AFIB])
  apart.window({ AFIB: 0.9 })
  apart.window(null, bad)
  apart.window(null, bad)
  apart.window({ AFIB: 0.9 })
  t.same(apart.said, [], 'evidence grows old')
})

t.test('windows that never came and a reboot make earlier evidence old', async t => {
  const lost = alertRig([AFIB])
  lost.window({ AFIB: 0.9 }, { index: 4 })
  lost.window({ AFIB: 0.9 }, { index: 7 })
  t.same(lost.said, [])
  const rebooted = alertRig([AFIB])
  rebooted.window({ AFIB: 0.9 }, { index: 0, boot: 1 })
  rebooted.window({ AFIB: 0.9 }, { index: 1, boot: 2 })
  t.same(rebooted.said, [])
})

t.test('windows that are counted from 0 again under the same boot number make earlier evidence old', async t => {
  const acute = task('VT', { alert: { tier: 'acute', need: 1, of: 1, clearBelow: 0.5 } })
  const rig = alertRig([acute, AFIB])
  rig.window({ VT: 0.9, AFIB: 0.9 }, { index: 300 })
  t.same(inWords(rig.said), ['start VT active'])
  for (let index = 0; index < 20; index++) rig.window({ VT: 0.01, AFIB: 0.01 }, { index })
  rig.window({ VT: 0.01, AFIB: 0.9 })
  t.same(inWords(rig.said).slice(1), ['end VT inactive'])
})

t.test('a window that was not assessed, or not a number, says nothing', async t => {
  const rig = alertRig([AFIB])
  rig.window(null)
  rig.window({ AFIB: Number.NaN })
  rig.window({ NORM: 0.99 })
  t.same(rig.said, [])
})

t.test('a degraded window counts for a task unless a lead that it needs is gone', async t => {
  const rig = alertRig([AFIB, task('ASMI')])
  const both = { AFIB: 0.9, ASMI: 0.9 }
  for (let i = 0; i < 4; i++) rig.window(both, { quality: 'degraded', leadsOff: ['V3'] })
  t.same(inWords(rig.said), ['start AFIB active'])
  t.match(rig.suppressions, [{ key: 'ASMI', reason: 'leads missing', detail: 'V3', probability: 0.9 }])
  t.equal(rig.suppressions.length, 1, 'logged once, not at every window')
  for (let i = 0; i < 4; i++) rig.window(both, { quality: 'degraded', leadsAbsent: ['V1'] })
  t.equal(rig.said.length, 1, 'a lead that the device does not have is gone too')
  rig.window(both)
  rig.window(both)
  t.same(inWords(rig.said).slice(1), ['start ASMI active'])
})

t.test(
  'a lead that a rule finds faulty is gone for all tasks, one that the quality model doubts not for acute ones',
  async t => {
    const acute = alertRig([task('ASMI', { alert: { tier: 'acute', need: 1, of: 1, clearBelow: 0.5 } })])
    acute.window({ ASMI: 0.9 }, { quality: 'degraded', leadsFaulty: ['V3'] })
    t.same(inWords(acute.said), [])
    acute.window({ ASMI: 0.9 }, { quality: 'degraded', leadsUnreadable: ['V3'] })
    t.same(inWords(acute.said), ['start ASMI active'])
    const prompt = alertRig([task('ASMI')])
    for (let i = 0; i < 4; i++) prompt.window({ ASMI: 0.9 }, { quality: 'degraded', leadsUnreadable: ['V3'] })
    t.same(inWords(prompt.said), [])
  },
)

t.test('an alert that is up is repeated as continue once a minute, with the newest evidence', async t => {
  const rig = alertRig([AFIB])
  for (const p of [0.9, 0.9, 0.91, 0.92]) rig.window({ AFIB: p })
  rig.wait(CONTINUE_EVERY - 3 * HOP_MS)
  t.same(inWords(rig.said), ['start AFIB active'])
  rig.window({ AFIB: 0.97 })
  rig.wait(HOP_MS)
  t.same(inWords(rig.said), ['start AFIB active', 'continue AFIB active'])
  t.match(rig.said[1], { evidence: { probability: 0.97, windows: 5 }, id: rig.said[0]!.id })
  t.ok(rig.said[1]!.changed > rig.said[1]!.raised)
  rig.wait(1000)
  t.equal(rig.said.length, 2)
})

t.test('an alert that nothing judges any more is latched, and comes back or goes', async t => {
  const latched = () => {
    const rig = alertRig([AFIB])
    rig.window({ AFIB: 0.9 })
    rig.window({ AFIB: 0.9 })
    rig.wait(LATCH_AFTER - 1)
    t.same(inWords(rig.said), ['start AFIB active'])
    rig.wait(1)
    t.same(inWords(rig.said).slice(1), ['update AFIB latched'], 'active to latched is an update, not an end')
    rig.said.length = 0
    return rig
  }

  const back = latched()
  back.window({ AFIB: 0.6 })
  t.same(inWords(back.said), ['update AFIB active'], 'not cleared, so still so')

  const gone = latched()
  for (let i = 0; i < 3; i++) gone.window({ AFIB: 0.1 })
  t.same(inWords(gone.said), ['reset AFIB inactive'], 'latched to inactive is a reset')

  const left = latched()
  left.wait(LATCHED_FOR - LATCH_AFTER - 1)
  left.said.length = 0
  left.wait(1)
  t.same(inWords(left.said), ['reset AFIB inactive'], 'nobody came back')
  left.window({ AFIB: 0.9 })
  left.window({ AFIB: 0.9 })
  t.same(inWords(left.said).slice(1), ['start AFIB active'], 'a new alert, long after the last one')
  t.not(left.said[1]!.id, left.said[0]!.id)
})

t.test('after an end the same finding waits out its refractory time, unless it is acute', async t => {
  const again = (tier: 'acute' | 'prompt') => {
    const rig = alertRig([task('X', { alert: { tier, need: 1, of: 1, clearBelow: 0.5 } })])
    for (const X of [0.9, 0, 0, 0, 0.9]) rig.window({ X })
    return rig
  }
  t.same(inWords(again('acute').said), ['start X active', 'end X inactive', 'start X active'])
  const prompt = again('prompt')
  t.same(inWords(prompt.said), ['start X active', 'end X inactive'])
  t.match(prompt.suppressions, [{ key: 'X', reason: 'refractory' }])
  prompt.wait(60_000)
  prompt.window({ X: 0.9 })
  t.same(inWords(prompt.said).slice(2), ['start X active'])
})

t.test('a finding that another makes superfluous neither starts nor stays', async t => {
  const rig = alertRig([task('PAC'), AFIB])
  rig.window({ PAC: 0.9, AFIB: 0.9 })
  rig.window({ PAC: 0.9, AFIB: 0.9 })
  t.same(inWords(rig.said), ['start AFIB active'], 'whichever comes first in the bundle')
  t.match(rig.suppressions, [{ key: 'PAC', reason: 'superseded', detail: 'AFIB' }])

  const later = alertRig([task('PAC'), AFIB])
  for (const p of [0, 0, 0.9, 0.9]) later.window({ PAC: 0.9, AFIB: p })
  t.same(inWords(later.said), ['start PAC active', 'start AFIB active', 'end PAC inactive'])
})

t.test('a finding is superseded in the window in which both are confirmed, however many others supersede either', t => {
  const acute = { tier: 'acute', need: 1, of: 1, clearBelow: 0.5 } as const
  for (const [above, below] of Object.entries(SUPERSEDES).flatMap(([key, others]) => others.map(it => [key, it]))) {
    const rig = alertRig([task(below!, { alert: acute }), task(above!, { alert: acute })])
    rig.window({ [below!]: 0.9, [above!]: 0.9 })
    t.same(inWords(rig.said), [`start ${above} active`])
  }
  t.end()
})

t.test('a task without an alert never alerts, and one without evidence is only logged', async t => {
  const rig = alertRig([task('NORM', { alert: null }), task('RARE', { evidence: null })])
  for (let i = 0; i < 10; i++) rig.window({ NORM: 1, RARE: 1 })
  t.same(rig.said, [])
  t.match(rig.suppressions, [{ key: 'RARE', reason: 'barred' }])
  t.equal(rig.suppressions.length, 1)
})

t.test('two devices never mix', async t => {
  const rig = alertRig([AFIB])
  rig.window({ AFIB: 0.9 }, {}, 'a')
  rig.window({ AFIB: 0.9 }, {}, 'b')
  t.same(rig.said, [])
  rig.window({ AFIB: 0.9 }, {}, 'a')
  t.same(
    rig.said.map(({ device, phase }) => [device, phase]),
    [['a', 'start']],
  )
})

t.test('a rule that could never work is refused with the task’s name', async t => {
  const broken = (alert: object) => () =>
    alertRig([task('AFIB', { alert: { tier: 'prompt', need: 2, of: 3, clearBelow: 0.5, ...alert } })])
  for (const alert of [{ need: 4 }, { clearBelow: 0.9 }])
    t.throws(broken(alert), { code: 'ALERT_RULE', exitCode: 3, message: /AFIB/ })
})

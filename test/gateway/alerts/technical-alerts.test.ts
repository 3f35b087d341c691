import t from 'tap'
import { CONTINUE_EVERY } from '../../../gateway/alerts/open-alert.js'
import { UPDATE_EVERY } from '../../../gateway/alerts/technical-alerts.js'
import { TECHNICAL_CONDITIONS, type TechnicalKey } from '../../../gateway/alerts/technical-conditions.js'
import { alertRig, inWords } from './alert-rig.js'

t.test('every condition starts after its own delay and ends after its own', async t => {
  for (const key of Object.keys(TECHNICAL_CONDITIONS) as TechnicalKey[]) {
    const { raiseAfter, clearAfter, display, priority } = TECHNICAL_CONDITIONS[key]
    const rig = alertRig([])
    rig.condition('d', key, 'because')
    if (raiseAfter > 0) {
      t.same(rig.said, [], `${key} waits`)
      rig.wait(raiseAfter - 1)
      t.same(rig.said, [])
      rig.wait(1)
    }
    t.match(rig.said, [
      { phase: 'start', state: 'active', type: 'ST', priority, condition: { key, display, group: 'technical' } },
    ])
    t.match(rig.said[0], { evidence: { detail: 'because' }, signal: null })
    rig.condition('d', key, null)
    if (clearAfter > 0) {
      rig.wait(clearAfter - 1)
      t.equal(rig.said.length, 1, `${key} stays a while`)
      rig.wait(1)
    }
    t.same(inWords(rig.said).slice(1), [`end ${key} inactive`])
    t.equal(rig.said[1]!.id, rig.said[0]!.id)
  }
})

t.test('no condition is of high priority by default', async t => {
  for (const { priority } of Object.values(TECHNICAL_CONDITIONS)) t.ok(['PL', 'PN'].includes(priority))
})

t.test('what comes and goes within the delay is logged and not raised', async t => {
  const rig = alertRig([])
  rig.condition('d', 'ELECTRODES_OFF', 'V3 off')
  rig.wait(500)
  rig.condition('d', 'ELECTRODES_OFF', null)
  rig.wait(60_000)
  t.same(rig.said, [])
  t.match(rig.suppressions, [{ device: 'd', key: 'ELECTRODES_OFF', reason: 'did not last' }])
})

t.test('a contact that flutters makes one alert', async t => {
  const rig = alertRig([])
  rig.condition('d', 'ELECTRODES_OFF', 'V3 off')
  rig.wait(2000)
  for (let i = 0; i < 20; i++) {
    rig.condition('d', 'ELECTRODES_OFF', null)
    rig.wait(1000)
    rig.condition('d', 'ELECTRODES_OFF', 'V3 off')
    rig.wait(1000)
  }
  t.same(inWords(rig.said), ['start ELECTRODES_OFF active'])
})

t.test('a changed detail is an update, and no more often than the limit', async t => {
  const rig = alertRig([])
  rig.condition('d', 'DEVICE_LOST', 'a')
  rig.condition('d', 'DEVICE_LOST', 'b')
  rig.condition('d', 'DEVICE_LOST', 'c')
  t.equal(rig.said.length, 1)
  rig.wait(UPDATE_EVERY)
  t.same(inWords(rig.said).slice(1), ['update DEVICE_LOST active'])
  t.match(rig.said[1], { evidence: { detail: 'c' } })
})

t.test('saying the same again adds nothing but a continue once a minute', async t => {
  const rig = alertRig([])
  for (let s = 0; s <= 120; s++) {
    rig.condition('d', 'STREAM_STALLED', 'silent for 2 s')
    rig.wait(1000)
  }
  t.same(inWords(rig.said), [
    'start STREAM_STALLED active',
    'continue STREAM_STALLED active',
    'continue STREAM_STALLED active',
  ])
  t.equal(CONTINUE_EVERY, 60_000)
})

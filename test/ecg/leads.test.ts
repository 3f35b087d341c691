import t from 'tap'
import { electrodesFromBits, leadsOff, STANDARD_LEADS, standardLead } from '../../ecg/leads.js'

t.test('a limb electrode takes every lead, because the V leads refer to Wilson’s terminal', async t => {
  for (const bits of [0b1, 0b10, 0b100]) t.same(leadsOff(bits), [...STANDARD_LEADS])
})

t.test('the driven ground RL takes no lead', async t => {
  t.same(leadsOff(0b1000), [])
  t.same(electrodesFromBits(0b1000), ['RL'])
})

t.test('a chest electrode takes its own lead only', async t => {
  t.same(leadsOff(1 << 4), ['V1'])
  t.same(leadsOff((1 << 6) | (1 << 9)), ['V3', 'V6'])
})

t.test('reserved bits above V6 mean nothing', async t => {
  t.same(leadsOff(0xfc00), [])
  t.same(electrodesFromBits(0xfc00), [])
})

t.test('lead names are recognised in any case', async t => {
  t.equal(standardLead('AVR'), 'aVR')
  t.equal(standardLead(' avl '), 'aVL')
  t.equal(standardLead('ECG1'), undefined)
  t.equal(standardLead('constructor'), undefined)
  t.equal(standardLead(''), undefined)
})

t.test('modified leads of bedside and ambulatory recorders stand for the lead that they imitate', async t => {
  t.equal(standardLead('MLII'), 'II')
  t.equal(standardLead('MCL1'), 'V1')
  t.equal(standardLead('v'), 'V1')
})

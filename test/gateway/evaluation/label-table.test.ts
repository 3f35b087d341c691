import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readLabelTable } from '../../../gateway/evaluation/label-table.js'

const write = (t: Test, text: string) => join(t.testdir({ 'labels.csv': text }), 'labels.csv')

t.test('PTB-XL’s columns become task ids, and a shared acronym makes the super-class _SUPER', async t => {
  const table = readLabelTable(
    write(t, 'ecg_id,super_class:STTC,super_class:MI,sub_class:STTC,rhythm:AFIB,age\n17,1,0,0,1,56.0\n'),
  )
  t.same(table.tasks, ['STTC_SUPER', 'MI', 'STTC', 'AFIB'])
  const labels = table.find('00017_lr')
  t.equal(labels?.('STTC_SUPER'), 1)
  t.equal(labels?.('STTC'), 0)
  t.equal(labels?.('AFIB'), 1)
  t.equal(labels?.('unknown'), undefined)
})

t.test('an empty cell is unknown, not negative', async t => {
  const table = readLabelTable(write(t, 'id,AFIB,PVC\nA01,,0\nA02,1,1\n'))
  t.equal(table.find('A01')?.('AFIB'), undefined)
  t.equal(table.find('A01')?.('PVC'), 0)
  t.equal(table.find('A03'), undefined)
})

t.test('quoted commas and line breaks in other columns do not disturb', async t => {
  const table = readLabelTable(write(t, 'id,report,AFIB\nA01,"sinus, normal\nno change",1\n'))
  t.same(table.tasks, ['AFIB'])
  t.equal(table.find('A01')?.('AFIB'), 1)
})

t.test('a table without labels is refused with exit code 2', async t => {
  t.throws(() => readLabelTable(write(t, 'id,AFIB\n')), { code: 'LABELS_INVALID', exitCode: 2 })
  t.throws(() => readLabelTable(write(t, 'id,age\nA01,56\n')), { code: 'LABELS_INVALID' })
  t.throws(() => readLabelTable(write(t, 'id,AFIB\nA01\n')), { code: 'LABELS_UNREADABLE' })
  t.throws(() => readLabelTable(join(t.testdirName, 'absent.csv')), { code: 'LABELS_UNREADABLE' })
})

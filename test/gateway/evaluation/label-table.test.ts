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
  t.equal(labels?.label('STTC_SUPER'), 1)
  t.equal(labels?.label('STTC'), 0)
  t.equal(labels?.label('AFIB'), 1)
  t.equal(labels?.label('unknown'), undefined)
  t.equal(labels?.patient, '00017_lr')
})

t.test('rows can be chosen by a column, and a patient may have several records', async t => {
  const file = write(t, 'id,patient_id,fold,AFIB\nA01,7,9,1\nA02,7,9,0\nA03,8,1,0\n')
  const table = readLabelTable(file, { fold: '9' })
  t.equal(table.find('A01')?.patient, table.find('A02')?.patient)
  t.equal(table.find('A03'), undefined)
  t.throws(() => readLabelTable(file, { folds: '9' }), { code: 'LABELS_INVALID' })
})

t.test('records of unknown patients are not taken for those of one', async t => {
  const table = readLabelTable(write(t, 'id,patient_id,AFIB\nA01,,1\nA02,,0\n'))
  t.not(table.find('A01')?.patient, table.find('A02')?.patient)
})

t.test('an empty cell is unknown, not negative', async t => {
  const table = readLabelTable(write(t, 'id,AFIB,PVC\nA01,,0\nA02,1,1\n'))
  t.equal(table.find('A01')?.label('AFIB'), undefined)
  t.equal(table.find('A01')?.label('PVC'), 0)
  t.equal(table.find('A03'), undefined)
})

t.test('quoted commas and line breaks in other columns do not disturb', async t => {
  const table = readLabelTable(write(t, 'id,report,AFIB\nA01,"sinus, normal\nno change",1\n'))
  t.same(table.tasks, ['AFIB'])
  t.equal(table.find('A01')?.label('AFIB'), 1)
})

t.test('a table without labels is refused with exit code 2', async t => {
  t.throws(() => readLabelTable(write(t, 'id,AFIB\n')), { code: 'LABELS_INVALID', exitCode: 2 })
  t.throws(() => readLabelTable(write(t, 'id,age\nA01,56\n')), { code: 'LABELS_INVALID' })
  t.throws(() => readLabelTable(write(t, 'id,AFIB\nA01\n')), { code: 'LABELS_UNREADABLE' })
  t.throws(() => readLabelTable(join(t.testdirName, 'absent.csv')), { code: 'LABELS_UNREADABLE' })
})

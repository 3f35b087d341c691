import { spawnSync } from 'node:child_process'
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { SHIPPED_DEMO_RECORDING } from '../../../models/shipped-assets.js'

const CLI = new URL('../../../gateway/cli/main.js', import.meta.url).pathname

function ecgclip(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

/** A folder with the demo recording, which has atrial fibrillation for a while, under two names. */
function records(t: Test): string {
  const folder = t.testdir({ records: {} })
  for (const end of ['hea', 'dat']) cpSync(`${SHIPPED_DEMO_RECORDING}.${end}`, join(folder, 'records', `demo.${end}`))
  return folder
}

t.test('tasks are measured over the records that have a label', async t => {
  const folder = records(t)
  const labels = join(folder, 'labels.csv')
  writeFileSync(labels, 'id,patient_id,rhythm:AFIB,fold\ndemo,1,1,9\nother,2,0,9\n')
  const { status, stdout } = ecgclip(
    'evaluate',
    join(folder, 'records'),
    '--labels',
    labels,
    '--resamples',
    '10',
    '--json',
  )
  t.equal(status, 0)
  const report = JSON.parse(stdout)
  t.match(report.tasks, [{ id: 'AFIB', records: 1, positives: 1 }])
  t.equal(report.macro.tasks, 0, 'one record says nothing about ranking')
})

t.test('what cannot be evaluated is said in one line, with exit code 2', async t => {
  const folder = records(t)
  const labels = join(folder, 'labels.csv')
  writeFileSync(labels, 'id,AFIB,fold\nsomebody,1,9\n')
  const cases = [
    [['--labels', labels], /No record .* has a row/],
    [['--labels', join(folder, 'absent.csv')], /cannot be read/],
    [['--labels', labels, '--where', 'folds=9'], /no column "folds"/],
    [[], /required option/],
  ] as const
  for (const [flags, message] of cases) {
    const { status, stdout, stderr } = ecgclip('evaluate', join(folder, 'records'), ...flags)
    t.equal(status, 2, flags.join(' '))
    t.equal(stdout, '')
    t.match(stderr, message)
    t.equal(stderr.trim().split('\n').length, 1)
  }
})

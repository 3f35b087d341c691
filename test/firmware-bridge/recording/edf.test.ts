import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { readRecording } from '../../../firmware-bridge/recording/read-recording.js'

const VECTORS = 'test/firmware-bridge/recording/vectors'
const expected: { counts: number[][]; millivolts: number[][] } = JSON.parse(
  await readFile(join(VECTORS, 'edf_records.json'), 'utf8'),
)

t.test('reads counts exactly and gives them their millivolts', async t => {
  const { recording, notes } = await readRecording(join(VECTORS, 'plain.edf'))
  t.match(recording, { name: 'plain', rate: 250, samples: 30 })
  t.same(
    recording.channels.map(c => c.name),
    ['I', 'II', 'V1'],
  )
  recording.channels.forEach(({ counts, lsb, baseline }, i) => {
    t.same([...counts], expected.counts[i])
    const worst = Math.max(...expected.millivolts[i]!.map((mv, s) => Math.abs(mv - (counts[s]! - baseline) * lsb)))
    t.ok(worst < 1e-9, `within 1e-9 mV, and is ${worst}`)
  })
  t.equal(recording.channels[0]!.baseline, 0)
  t.same(notes, [])
})

t.test('of an EDF+ file, keeps the voltages at the rate of the leads', async t => {
  const { recording, notes } = await readRecording(join(VECTORS, 'plus.edf'))
  t.match(recording, { rate: 10, samples: 30 })
  t.same(
    recording.channels.map(c => [c.name, [...c.counts]]),
    [
      ['I', expected.counts[0]],
      ['II', expected.counts[1]],
    ],
  )
  t.same(notes, [
    'Channel Resp has another sampling rate and is left out.',
    'Channel ABP (mmHg) is no voltage and is left out.',
  ])
})

t.test('a recorder that never filled in the number of data records is forgiven', async t => {
  const bytes = await readFile(join(VECTORS, 'plain.edf'))
  bytes.write('-1      ', 236, 'latin1')
  const path = join(t.testdir({}), 'open.EDF')
  await writeFile(path, bytes.subarray(0, bytes.length - 1))
  t.equal((await readRecording(path)).recording.samples, 20)
})

t.test('says in one sentence what is wrong with a file', async t => {
  const good = await readFile(join(VECTORS, 'plain.edf'))
  const folder = t.testdir({})
  const cases: [string, (bytes: Buffer) => Buffer, string, RegExp][] = [
    ['empty', () => Buffer.alloc(0), 'not-a-record', /does not begin with version 0/],
    ['other', () => Buffer.from('GIF89a etc.'), 'not-a-record', /does not begin with version 0/],
    ['BDF', b => patch(b, 0, '\xffBIOSEMI'), 'not-a-record', /does not begin with version 0/],
    ['gap', b => patch(b, 192, 'EDF+D'), 'unsupported', /discontinuous/],
    ['header', b => b.subarray(0, 600), 'truncated', /ends within its header/],
    ['first header', b => b.subarray(0, 200), 'not-a-record', /"" is no number of data records/],
    ['data', b => b.subarray(0, b.length - 1), 'truncated', /holds 2 data records, and its header says 3/],
    ['none', b => patch(b, 236, '0       '), 'truncated', /its header says 0/],
    ['signals', b => patch(b, 252, '9999'), 'not-a-record', /1024 bytes are no header of 9999 signals/],
    ['no signals', b => patch(b, 252, '0   '), 'not-a-record', /no header of 0 signals/],
    ['half a signal', b => patch(patch(b, 252, '.5  '), 184, '384     '), 'not-a-record', /no header of 0.5 signals/],
    ['records', b => patch(b, 236, '-7      '), 'not-a-record', /-7 is no number of data records/],
    ['duration', b => patch(b, 244, '0       '), 'not-a-record', /0 s is no duration/],
    ['samples', b => patch(b, 256 + 216 * 3, '1e999   '), 'not-a-record', /"1e999" is no number of samples/],
    ['half samples', b => patch(b, 256 + 216 * 3, '2.5     '), 'not-a-record', /no whole number of samples/],
    [
      'no samples',
      b => patch(patch(b, 256 + 216 * 3, '0       '.repeat(3)), 236, '-1      '),
      'truncated',
      /holds 0 data/,
    ],
    [
      'samples of no voltage only',
      b => patch(patch(b, 256 + 216 * 3, '0       '.repeat(2)), 256 + 96 * 3 + 16, 'mmHg    '),
      'unsupported',
      /no channel that is measured in volts/,
    ],
    ['range', b => patch(b, 256 + 120 * 3, '32767   '), 'not-a-record', /the range of I is empty/],
    ['flat range', b => patch(b, 256 + 104 * 3, '3276.7  '), 'not-a-record', /the range of I is empty/],
    ['no range', b => patch(b, 256 + 104 * 3, 'low     '), 'not-a-record', /"low" is no lower limit of ECG I/],
    [
      'no volts',
      b => patch(b, 256 + 96 * 3, 'mmHg    '.repeat(3)),
      'unsupported',
      /no channel that is measured in volts/,
    ],
  ]
  for (const [name, change, code, message] of cases) {
    const path = join(folder, `${name}.edf`)
    await writeFile(path, change(Buffer.from(good)))
    await t.rejects(readRecording(path), { name: 'RecordingError', code, message, exitCode: 2 }, name)
  }
  await t.rejects(readRecording(join(folder, 'none of these.edf')), { code: 'not-found' })
})

function patch(bytes: Buffer, at: number, text: string): Buffer {
  bytes.write(text, at, 'latin1')
  return bytes
}

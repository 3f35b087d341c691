import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Hertz, Millivolts } from '../../../ecg/units.js'
import { readWfdb } from '../../../firmware-bridge/recording/read-wfdb.js'
import { MISSING_COUNT, type Recording } from '../../../firmware-bridge/recording/recording.js'
import { encodeWfdb, writeWfdb } from '../../../firmware-bridge/recording/write-wfdb.js'

const VECTORS = 'test/firmware-bridge/recording/vectors'

interface Expected {
  rate: number
  samplesPerFrame: number[]
  names: string[]
  units: string[]
  gain: number[]
  baseline: number[]
  counts: number[][]
}
const expected: Record<string, Expected> = JSON.parse(await readFile(join(VECTORS, 'wfdb_records.json'), 'utf8'))
const sentinel: Record<string, number> = { f212: -2048, one212: -2048, f24: -8388608, f80: -128 }
const perUnit: Record<string, number> = { mV: 1, uV: 0.001, V: 1000 }

t.test('reads what the wfdb package reads, bit by bit', async t => {
  for (const [name, { rate, names, gain, baseline, counts, units }] of Object.entries(expected)) {
    if (name === 'frames' || name === 'two') continue
    const { recording, notes } = await readWfdb(join(VECTORS, name))
    t.equal(recording.name, name)
    t.equal(recording.rate, rate)
    const kept = names.map((_, i) => i).filter(i => perUnit[units[i]!])
    t.same(
      recording.channels.map(c => ({ ...c, counts: [...c.counts] })),
      kept.map(i => ({
        name: names[i],
        lsb: perUnit[units[i]!]! / gain[i]!,
        baseline: baseline[i],
        counts: counts[i]!.map(count => (count === (sentinel[name] ?? -32768) ? MISSING_COUNT : count)),
      })),
    )
    t.same(notes, name === 'units' ? ['Channel aVR (mmHg) is no voltage and is left out.'] : [])
  }
  t.equal(Object.keys(expected).length, 8)
})

t.test('reads a record over several files and formats, with a preamble, comments and CRLF', async t => {
  const { recording, notes } = await readWfdb(join(VECTORS, 'two.hea'))
  t.match(recording, { name: 'two', rate: 360, samples: 20 })
  t.same(
    recording.channels.map(c => c.name),
    ['MLII', 'V5', 'MLII', 'II'],
  )
  recording.channels.forEach(({ counts }, i) => {
    const missing = i < 2 ? -32768 : -2048
    t.same(
      [...counts],
      expected.two!.counts[i]!.map(count => (count === missing ? MISSING_COUNT : count)),
    )
  })
  t.same(notes, [])
})

t.test('of several sampling rates, that of the leads is kept', async t => {
  const { recording, notes } = await readWfdb(join(VECTORS, 'frames'))
  t.match(recording, { rate: 200, samples: 24 })
  t.same(
    recording.channels.map(c => c.name),
    ['I', 'II'],
  )
  t.same(
    recording.channels.map(c => [...c.counts]),
    [expected.frames!.counts[0], expected.frames!.counts[2]],
  )
  t.same(notes, ['Channel slow has another sampling rate and is left out.'])
})

/** A folder with a record `r` whose header and data are these. */
async function record(folder: string, header: string | undefined, data?: Uint8Array): Promise<string> {
  if (header !== undefined) await writeFile(join(folder, 'r.hea'), header)
  if (data) await writeFile(join(folder, 'r.dat'), data)
  return join(folder, 'r')
}

t.test('says in one sentence what is wrong with a header or its data', async t => {
  const good = 'r 1 100 2\nr.dat 16 200 16 0 0 0 0 I\n'
  const data = new Uint8Array(4)
  const cases: [string, string | undefined, Uint8Array | undefined, string, RegExp][] = [
    ['no header', undefined, data, 'not-found', /r\.hea does not exist/],
    ['no data', good, undefined, 'data-missing', /r\.dat does not exist/],
    ['short data', good, new Uint8Array(3), 'truncated', /holds 1 samples per signal, and the header of r says 2/],
    ['no data at all', 'r 1 100\nr.dat 16', new Uint8Array(1), 'truncated', /at least 1/],
    ['endless', `r 1 100 ${'9'.repeat(400)}\nr.dat 16`, data, 'truncated', /holds 2 samples/],
    ['huge frames', 'r 1 100 2\nr.dat 16x999999999999', data, 'truncated', /holds 0 samples/],
    ['offset beyond the end', 'r 1 100 2\nr.dat 16+99999999999999999999', data, 'truncated', /holds 0 samples/],
    ['empty', '', data, 'not-a-record', /first line/],
    ['text', 'Dear diary,\nnothing today.', data, 'not-a-record', /first line/],
    ['binary', '\0\x01\x02\xff', data, 'not-a-record', /first line/],
    ['no signals', 'r 0 100 2', data, 'not-a-record', /announces 0 signals/],
    ['too many signals', `r 1${'0'.repeat(9)} 100 2`, data, 'not-a-record', /announces 1000000000 signals/],
    ['missing lines', 'r 2 100 2\nr.dat 16', data, 'not-a-record', /announces 2 signals and describes 1/],
    ['bad rate', 'r 1 0 2\nr.dat 16', data, 'not-a-record', /"0" is no sampling rate/],
    ['bad length', 'r 1 100 -2\nr.dat 16', data, 'not-a-record', /"-2" is no number of samples/],
    ['bad format', 'r 1 100 2\nr.dat 1-6', data, 'not-a-record', /"1-6" is no signal format/],
    ['bad gain', 'r 1 100 2\nr.dat 16 1e999', data, 'not-a-record', /"1e999" is no gain/],
    ['bad baseline', `r 1 100 2\nr.dat 16 1(${'9'.repeat(400)})`, data, 'not-a-record', /is no gain/],
    ['bad checksum', 'r 1 100 2\nr.dat 16 200 16 0 0 x', data, 'not-a-record', /"x" is not a whole number/],
    ['escape', 'r 1 100 2\n../r.dat 16', data, 'not-a-record', /"\.\.\/r\.dat" is not a plain file name/],
    ['absolute', 'r 1 100 2\n/etc/passwd 16', data, 'not-a-record', /plain file name/],
    ['back slash', 'r 1 100 2\n..\\r.dat 16', data, 'not-a-record', /plain file name/],
    ['folder', 'r 1 100 2\n.. 16', data, 'not-a-record', /plain file name/],
    ['standard input', 'r 1 100 2\n- 16', data, 'not-a-record', /plain file name/],
    ['segments', 'r/3 1 100 2\nr1 2', data, 'unsupported', /joins 3 segments/],
    ['other format', 'r 1 100 2\nr.dat 508', data, 'unsupported', /WFDB format 508; only 16, 24, 80, 212 are read/],
    ['no voltage', 'r 1 100 2\nr.dat 16 200/mmHg', data, 'unsupported', /no channel that is measured in volts/],
    ['two formats', 'r 2 100 1\nr.dat 16\nr.dat 80', data, 'not-a-record', /two different formats/],
  ]
  for (const [name, header, bytes, code, message] of cases) {
    const folder = t.testdir({ [name]: {} })
    const path = await record(join(folder, name), header, bytes)
    await t.rejects(readWfdb(path), { name: 'RecordingError', code, message, exitCode: 2 }, name)
  }
  const folder = t.testdir({ 'r.hea': {} })
  await t.rejects(readWfdb(join(folder, 'r')), { code: 'not-a-record', message: /is not a file/ })
  await t.rejects(readWfdb(join(folder, 'r.hea', 'x')), { code: 'not-found' })
})

t.test('a checksum that does not hold and a skew are said, and the record is read', async t => {
  const folder = t.testdir({})
  const path = await record(
    folder,
    'r 2 100 2\nr.dat 16:3 200 16 0 1 5 0 I\nr.dat 16 200 16 0 1 -3 0 II\n',
    Uint8Array.of(1, 0, 254, 255, 3, 0, 255, 255),
  )
  const { recording, notes } = await readWfdb(path)
  t.same([...recording.channels[0]!.counts], [1, 3])
  t.same(notes, [
    'The skew of channel I (3 samples) is not corrected.',
    'The checksum of channel I does not hold: the header says 5, its samples give 4.',
  ])
})

t.test('what a header leaves out has the defaults of WFDB', async t => {
  const folder = t.testdir({})
  const { recording } = await readWfdb(await record(folder, 'r 1\nr.dat 16 0(0)/\u00b5V', Uint8Array.of(1, 0, 2, 0, 3)))
  t.match(recording, { rate: 250, samples: 2, channels: [{ name: 'channel 1', lsb: 0.001 / 200, baseline: 0 }] })
  await writeFile(join(folder, 'r.hea'), Buffer.from('r 1\nr.dat 16 2/\u00b5V 12 7', 'latin1'))
  t.match((await readWfdb(join(folder, 'r'))).recording.channels[0], { lsb: 0.0005, baseline: 7 })
})

const sample = (over: Partial<Recording> = {}): Recording => ({
  name: 'made_here',
  rate: Hertz(500),
  samples: 4,
  channels: [
    { name: 'I', lsb: Millivolts(0.001), baseline: 0, counts: Int32Array.of(-32767, 32767, MISSING_COUNT, 0) },
    { name: 'V1', lsb: Millivolts(0.005), baseline: -40, counts: Int32Array.of(MISSING_COUNT, 1, 2, 3) },
  ],
  ...over,
})

t.test('what is written reads back the same', async t => {
  const folder = t.testdir({})
  await writeWfdb(sample(), folder)
  t.same(await readWfdb(join(folder, 'made_here')), { recording: sample(), notes: [] })
})

t.test('writes byte for byte what the wfdb package wrote', async t => {
  const { recording } = await readWfdb(join(VECTORS, 'f16'))
  const { data } = encodeWfdb(recording)
  t.same(Buffer.from(data), await readFile(join(VECTORS, 'f16.dat')))
  const folder = t.testdir({})
  await writeWfdb(recording, folder)
  t.same((await readWfdb(join(folder, 'f16'))).recording, recording)
})

t.test('what 16 bits cannot hold is written with 24', async t => {
  const [channel] = sample().channels
  for (const count of [-32_768, 32_768, 8_388_607, -8_388_607]) {
    const folder = t.testdir({})
    const wide = sample({ channels: [{ ...channel!, counts: Int32Array.of(-1, MISSING_COUNT, count, 0) }] })
    await writeWfdb(wide, folder)
    t.same(await readWfdb(join(folder, 'made_here')), { recording: wide, notes: [] })
  }
})

t.test('writes byte for byte in format 24 what the wfdb package wrote', async t => {
  const { recording } = await readWfdb(join(VECTORS, 'f24'))
  t.same(Buffer.from(encodeWfdb(recording).data), await readFile(join(VECTORS, 'f24.dat')))
})

t.test('refuses to write what 24 bits cannot hold, and names that lead out of the folder', async t => {
  const [channel] = sample().channels
  for (const count of [-8_388_608, 8_388_608]) {
    const channels = [{ ...channel!, counts: Int32Array.of(0, 0, count, 0) }]
    t.throws(() => encodeWfdb(sample({ channels })), { code: 'out-of-range' })
  }
  t.throws(() => encodeWfdb(sample({ name: '../x' })), { code: 'out-of-range' })
})

t.test('a header may be moved with its data', async t => {
  const folder = t.testdir({})
  await mkdir(join(folder, 'deep'))
  for (const file of ['two.hea', 'two_a.dat', 'two_b.dat'])
    await copyFile(join(VECTORS, file), join(folder, 'deep', file))
  t.equal((await readWfdb(join(folder, 'deep', 'two'))).recording.samples, 20)
})

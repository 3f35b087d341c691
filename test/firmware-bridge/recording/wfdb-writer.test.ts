import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Hertz, Microseconds, Millivolts, SampleIndex, UnixMillis } from '../../../ecg/units.js'
import type { DeviceIdentity } from '../../../firmware-bridge/device-stream.js'
import { createRandom } from '../../../firmware-bridge/emulator/random.js'
import { createDiskQueue } from '../../../firmware-bridge/recording/disk-queue.js'
import { readWfdb } from '../../../firmware-bridge/recording/read-wfdb.js'
import { MISSING_COUNT } from '../../../firmware-bridge/recording/recording.js'
import { createWfdbWriter } from '../../../firmware-bridge/recording/wfdb-writer.js'
import { writeAt } from '../../../firmware-bridge/recording/write-at.js'

const IDENTITY: DeviceIdentity = {
  id: 'two\nlines',
  model: 'm',
  firmware: '1.0.0',
  boot: 7,
  rate: Hertz(500),
  lsb: Millivolts(0.001),
  channels: ['I', 'II', 'V1'],
  retain: 0,
  capabilities: [],
}
const CHANNELS = IDENTITY.channels.length

function setUp(t: Test, first: number) {
  const folder = t.testdir({})
  const queue = createDiskQueue(folder, failure => t.fail(failure.message))
  const writer = createWfdbWriter(folder, 'r', IDENTITY, SampleIndex(first), queue)
  /** What the record ought to hold, by the device's index. */
  const truth = new Map<number, number[]>()
  async function read() {
    await queue.idle()
    const { recording, notes } = await readWfdb(join(folder, 'r'))
    t.same(notes, [], 'length and sums hold')
    return recording
  }

  async function check() {
    const { channels, samples } = await read()
    const wrong = channels.flatMap(({ counts }, c) =>
      Array.from({ length: samples }, (_, s) => s).filter(
        s => counts[s] !== (truth.get(first + s)?.[c] ?? MISSING_COUNT),
      ),
    )
    t.same(wrong, [], 'bit by bit')
    return samples
  }

  return {
    folder,
    queue,
    writer,
    truth,
    put(from: number, count: number, value: (sample: number, channel: number) => number) {
      const values = new Int32Array(count * CHANNELS + 5)
      for (let s = 0; s < count; s++) {
        truth.set(
          from + s,
          IDENTITY.channels.map((_, c) => value(from + s, c)),
        )
        values.set(truth.get(from + s)!, s * CHANNELS)
      }
      writer.put({
        first: SampleIndex(from),
        count,
        channels: CHANNELS,
        values,
        electrodesOff: 0,
        saturated: false,
        retransmission: false,
        arrived: Microseconds(0),
      })
    },
    read,
    check,
  }
}

const small = (sample: number, channel: number) => ((sample * 37 + channel * 911) % 65_535) - 32_767

t.test('blocks in any order: gaps are missing until they are filled', async t => {
  const { put, writer, check, folder } = setUp(t, 1000)
  put(1000, 10, small)
  put(1500, 20, small)
  put(990, 10, small)
  put(1200, 14, small)
  put(5000, 1, small)
  t.match(writer.figures, { samples: 4001, missing: 4001 - 10 - 20 - 14 - 1, early: 10, clipped: 0, format: 16 })
  writer.close({ utc: UnixMillis(Date.UTC(2026, 1, 3, 4, 5, 6, 789)), uncertaintyMs: 1.25 })
  t.equal(await check(), 4001)
  const header = await readFile(join(folder, 'r.hea'), 'utf8')
  t.match(header, /^r 3 500 4001 04:05:06.789 03\/02\/2026\nr\.dat 16 1000\(0\)\/mV 16 0 /)
  t.match(
    header,
    /# device two lines, m, firmware 1.0.0\n# boot 7, first sample 1000\n# start 2026-02-03T04:05:06.789Z within 1.3 ms\n$/,
  )
})

t.test('at the first value that needs it, the record becomes one of 24 bits, with all that was before', async t => {
  for (const odd of [32_768, -32_768, 8_388_607, -8_388_607]) {
    const { put, writer, check, folder } = setUp(t, 0)
    put(0, 40_000, small)
    put(40_100, 10, small)
    put(40_110, 10, (sample, channel) => (sample === 40_115 && channel === 1 ? odd : small(sample, channel)))
    put(40_020, 5, small)
    put(40_200, 5, small)
    t.equal(writer.figures.format, 24)
    writer.close(undefined)
    t.equal(await check(), 40_205)
    t.same(await readdir(folder), ['r.hea', 'r_24.dat'])
  }
})

t.test('what no format holds is written as the nearest, and counted', async t => {
  const { put, writer, read } = setUp(t, 0)
  put(0, 2, (sample, channel) => [-8_388_608, MISSING_COUNT, 2 ** 30][channel]! + sample * 0)
  t.equal(writer.figures.clipped, 4)
  writer.close(undefined)
  const { channels } = await read()
  t.same(
    channels.map(({ counts }) => [...counts]),
    [
      [-8_388_607, -8_388_607],
      [MISSING_COUNT, MISSING_COUNT],
      [8_388_607, 8_388_607],
    ],
  )
})

t.test('a record that is not closed is one as well: whole frames up to where it got', async t => {
  const { put, check, queue } = setUp(t, 0)
  put(0, 10, small)
  put(20, 10, small)
  await queue.idle()
  t.equal(await check(), 30)
  put(30, 1, () => 100_000)
  await queue.idle()
  t.equal(await check(), 31)
})

t.test('whatever the order and the losses, the record is the truth', async t => {
  const random = createRandom(4)
  const { put, writer, check } = setUp(t, 0)
  const blocks = Array.from({ length: 400 }, (_, i) => i).filter(i => i === 0 || random() > 0.2)
  const order = blocks.map(i => ({ i, key: i === 0 ? -1 : i + 10 * random() })).sort((a, b) => a.key - b.key)
  const wide = (sample: number, channel: number) => small(sample, channel) * (sample > 2000 ? 200 : 1)
  for (const { i } of order) put(i * 10, 10, wide)
  writer.close(undefined)
  const samples = await check()
  t.equal(writer.figures.missing, samples - 10 * blocks.length)
})

t.test('a full disk is one failure, in one sentence; whoever goes on writing does no harm', async t => {
  const failures: Error[] = []
  const queue = createDiskQueue('/media/card', failure => failures.push(failure))
  const full = await open('/dev/full', 'w')
  for (let i = 0; i < 3; i++) queue.add(3, () => writeAt(full, 3 * i, Buffer.from('abc')))
  await queue.idle()
  await full.close()
  t.match(failures, [
    { code: 'disk', exitCode: 1, message: 'The disk of /media/card is full: free some space, or record elsewhere.' },
  ])
  t.equal(failures.length, 1)
})

t.test('a disk that falls too far behind is a failure, and memory stays bounded', async t => {
  const failures: Error[] = []
  const queue = createDiskQueue('x', failure => failures.push(failure))
  let release = () => {}
  queue.add(
    0,
    () =>
      new Promise(resolve => {
        release = resolve
      }),
  )
  let done = 0
  for (let i = 0; i < 100; i++)
    queue.add(2 ** 20, async () => {
      done++
    })
  t.match(failures, [{ code: 'disk', message: /too slow: it is 8388608 bytes behind/ }])
  release()
  await queue.idle()
  t.equal(done, 0)
})

t.test('nothing is overwritten', async t => {
  const folder = t.testdir({ 'r.dat': 'precious' })
  const failures: Error[] = []
  const queue = createDiskQueue(folder, failure => failures.push(failure))
  createWfdbWriter(folder, 'r', IDENTITY, SampleIndex(0), queue)
  await queue.idle()
  t.match(failures, [{ code: 'exists', message: /r\.dat exists: give another --name/ }])
  t.equal(await readFile(join(folder, 'r.dat'), 'utf8'), 'precious')
})

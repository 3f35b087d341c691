import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Hertz, Millivolts, SampleIndex, UnixMillis } from '../../../ecg/units.js'
import { openDevice } from '../../../firmware-bridge/devices/open-device.js'
import { playCapture } from '../../../firmware-bridge/emulator/played-capture.js'
import { recordingSource } from '../../../firmware-bridge/emulator/recording-source.js'
import type { SampleSource } from '../../../firmware-bridge/emulator/sample-source.js'
import { listenTcp } from '../../../firmware-bridge/emulator/tcp-listener.js'
import { startDeviceOnTcp } from '../../../firmware-bridge/emulator/virtual-device.js'
import { CaptureKind } from '../../../firmware-bridge/recording/capture-format.js'
import { createDeviceRecorder } from '../../../firmware-bridge/recording/device-recorder.js'
import { readCapture } from '../../../firmware-bridge/recording/read-capture.js'
import { readRecording } from '../../../firmware-bridge/recording/read-recording.js'
import { MISSING_COUNT, type Recording } from '../../../firmware-bridge/recording/recording.js'
import { writeWfdb } from '../../../firmware-bridge/recording/write-wfdb.js'
import { monotonicNow } from '../../../firmware-bridge/transport/monotonic-now.js'
import { countingSource, countingValue } from '../counting-source.js'
import { until } from '../listen.js'
import { recordDevice } from '../record-device.js'

const LOOPBACK = '127.0.0.1'

async function fromDevice(path: string): Promise<Buffer> {
  const { entries, unread } = await readCapture(path)
  t.equal(unread, 0)
  return Buffer.concat(
    [...entries()].filter(({ kind }) => kind === CaptureKind.FromDevice).map(({ payload }) => payload),
  )
}

/** Values that need 24 bits from the second second on. */
function wideSource(length: number): SampleSource {
  const source = countingSource(500, undefined, length)
  return {
    ...source,
    read(first, count, values) {
      const there = source.read(first, count, values)
      for (let s = 0; s < there; s++) if (first + s >= 500) for (let c = 0; c < 8; c++) values[8 * s + c]! *= 250
      return there
    },
  }
}

t.test('record, replay the capture, record again: the same bytes, the same record', async t => {
  const folder = t.testdir({})
  const device = await startDeviceOnTcp({ source: wideSource(1500), id: 'd', speed: 5 }, LOOPBACK, 0)
  const first = await recordDevice(device.carrier.uri, folder, 'a', 1500)
  await device.stop()
  t.match(first.records, [{ samples: 1500, missing: 0, early: 0, clipped: 0, format: 24, first: 0 }])
  const { recording } = await readRecording(join(folder, 'a'))
  recording.channels.forEach(({ counts }, c) => {
    t.ok(counts.every((count, s) => count === countingValue(s, c) * (s >= 500 ? 250 : 1)))
  })

  for (const [name, speed] of [
    ['b', 1],
    ['c', 20],
  ] as const) {
    const played = await playCapture(await readCapture(join(folder, 'a.ecgcap')), speed, received =>
      listenTcp(LOOPBACK, 0, received),
    )
    await recordDevice(played.carrier.uri, folder, name, 1500)
    await played.stop()
    // Each recording ends at the last sample: whether a packet behind it is still in is chance.
    const [again, original] = [
      await fromDevice(join(folder, `${name}.ecgcap`)),
      await fromDevice(join(folder, 'a.ecgcap')),
    ]
    const length = Math.min(again.length, original.length)
    t.same(again.subarray(0, length), original.subarray(0, length), `at ${speed}x`)
    t.same(await readFile(join(folder, `${name}_24.dat`)), await readFile(join(folder, 'a_24.dat')))
  }
})

t.test('record, play the record, record again: the same counts, gaps included', async t => {
  const folder = t.testdir({})
  const missing = (s: number) => s > 0 && (s % 333 < 20 || (s > 600 && s < 900))
  const original: Recording = {
    name: 'gappy',
    rate: (await readRecording('models/demo/demo')).recording.rate,
    samples: 1400,
    channels: (await readRecording('models/demo/demo')).recording.channels.map(({ counts, ...channel }) => ({
      ...channel,
      counts: Int32Array.from({ length: 1400 }, (_, s) => (missing(s) ? MISSING_COUNT : counts[s]!)),
    })),
  }
  await writeWfdb(original, folder)
  const { recording } = await readRecording(join(folder, 'gappy'))
  t.same(recording, original)
  // Without RESEND, for nobody has what is missing.
  const device = await startDeviceOnTcp(
    { source: recordingSource(recording), id: 'd', speed: 5, retain: 0 },
    LOOPBACK,
    0,
  )
  await recordDevice(device.carrier.uri, folder, 'again', 1400)
  await device.stop()
  t.same({ ...(await readRecording(join(folder, 'again'))).recording, name: 'gappy' }, original)
})

t.test('a capture goes straight into a host as replay:…, once', async t => {
  const folder = t.testdir({})
  const device = await startDeviceOnTcp({ source: countingSource(500, undefined, 300), id: 'd' }, LOOPBACK, 0)
  await recordDevice(device.carrier.uri, folder, 'a', 300)
  await device.stop()
  const again = await recordDevice(`replay:${join(folder, 'a.ecgcap')}`, folder, 'b', Number.POSITIVE_INFINITY)
  t.match(again.state, { state: 'lost', reason: /played to its end/ })
  t.match(again.records, [{ samples: 300, missing: 0 }])
  t.same(await fromDevice(join(folder, 'b.ecgcap')), await fromDevice(join(folder, 'a.ecgcap')))
  const wrongDriver = openDevice(`replay:${join(folder, 'a.ecgcap')}?driver=ads1298`)
  wrongDriver.start({ identified() {}, samples() {}, state() {}, status() {}, event() {} })
  await t.rejects(wrongDriver.firstOpen, { code: 'unsupported', message: /add \?driver=ecg-link/ })
  await wrongDriver.stop()
})

t.test('each boot has a record of its own, and what is lost on the way stays missing', async t => {
  const folder = t.testdir({})
  const device = await startDeviceOnTcp(
    { source: countingSource(), id: 'd', boot: 1, speed: 4, retain: 0 },
    LOOPBACK,
    0,
  )
  const recorder = createDeviceRecorder({
    folder,
    name: 'r',
    uri: device.carrier.uri,
    driver: 'ecg-link',
    timeOf: sample => stream.timeOf(sample),
    monotonic: monotonicNow,
    utc: () => UnixMillis(Date.now()),
    failed: failure => t.fail(failure.message),
  })
  // Some pieces never reach the host.
  let pieces = 0
  const stream = openDevice(device.carrier.uri, transport =>
    recorder.tap({
      ...transport,
      open: listener =>
        transport.open({ ...listener, bytes: (bytes, at) => ++pieces % 17 && listener.bytes(bytes, at) }),
    }),
  )
  stream.start(recorder.listener)
  await until(() => (recorder.records[0]?.samples ?? 0) > 700)
  device.session.reboot(2, monotonicNow())
  await until(() => (recorder.records[1]?.samples ?? 0) > 700)
  await stream.stop()
  await device.stop()
  await recorder.close()
  let missing = 0
  for (const { record, samples } of recorder.records) {
    const { recording, notes } = await readRecording(record)
    t.same(notes, [])
    t.equal(recording.samples, samples)
    const { first } = recorder.records.find(r => r.record === record)!
    for (const [c, { counts }] of recording.channels.entries())
      for (const [s, count] of counts.entries()) {
        if (count === MISSING_COUNT) missing++
        else if (count !== countingValue(first + s, c)) t.fail(`sample ${s} of channel ${c} is ${count}`)
      }
  }
  t.equal(missing, 8 * recorder.records.reduce((sum, record) => sum + record.missing, 0))
  t.ok(missing > 0)
  t.equal(stream.counters.missingSamples, missing / 8)
})

t.test('a device that boots again and again is recorded, though names are taken', async t => {
  const folder = t.testdir({})
  await writeFile(join(folder, 'a_3.hea'), 'of another recording')
  const failures: Error[] = []
  const recorder = createDeviceRecorder({
    folder,
    name: 'a',
    uri: 'tcp:127.0.0.1:9',
    driver: 'ecg-link',
    timeOf: () => undefined,
    monotonic: monotonicNow,
    utc: () => UnixMillis(0),
    failed: failure => failures.push(failure),
  })
  const identity = {
    id: 'd',
    model: 'm',
    firmware: '1.0.0',
    rate: Hertz(500),
    lsb: Millivolts(0.001),
    channels: ['I'],
    retain: 0,
    capabilities: [],
  }
  const block = {
    first: SampleIndex(0),
    count: 1,
    channels: 1,
    electrodesOff: 0,
    saturated: false,
    retransmission: false,
    arrived: monotonicNow(),
  }
  for (let boot = 1; boot <= 30; boot++) {
    recorder.listener.identified({ ...identity, boot })
    recorder.listener.samples({ ...block, values: Int32Array.of(100_000 + boot) })
    await until(() => existsSync(`${recorder.records.at(-1)!.record}.hea`) || failures.length > 0)
  }
  await recorder.close()
  t.same(failures, [])
  t.equal(recorder.records.length, 30)
  for (const [i, { record }] of recorder.records.entries())
    t.equal((await readRecording(record)).recording.channels[0]!.counts[0], 100_001 + i)
})

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Microseconds } from '../../../ecg/units.js'
import { openDevice } from '../../../firmware-bridge/devices/open-device.js'
import { CAPTURE_MAGIC, CaptureKind, encodeCaptureEntry } from '../../../firmware-bridge/recording/capture-format.js'
import { readRecording } from '../../../firmware-bridge/recording/read-recording.js'
import { MISSING_COUNT } from '../../../firmware-bridge/recording/recording.js'
import { startEmbeddedBroker } from '../../../gateway/mqtt/embedded-broker.js'
import { until } from '../../firmware-bridge/listen.js'
import { runCli } from './run-cli.js'

const VECTORS = 'test/firmware-bridge/recording/vectors'
/** Counts, from rounding to the device's LSB; the same count where a channel has that LSB. */
const TOLERANCE = 0.5

/** What a host makes of what the program plays at `place`. */
async function hear(place: string, samples: number): Promise<{ heard: Int32Array[]; lsb: number }> {
  const device = openDevice(place.includes(':') ? place : `serial:${place}`)
  const heard: Int32Array[] = []
  device.start({
    identified(identity) {
      lsb = identity.lsb
      for (const _ of identity.channels) heard.push(new Int32Array(samples))
    },
    samples({ first, count, channels, values }) {
      for (let s = 0; s < count; s++)
        for (let c = 0; c < channels; c++) heard[c]![first + s] = values[s * channels + c]!
      last = first + count
    },
    state() {},
    status() {},
    event() {},
  })
  let last = 0
  let lsb = 0
  await until(() => last >= samples)
  await device.stop()
  return { heard, lsb }
}

t.test(
  'EDF+ and WFDB in formats 16, 212 and 24, to a pseudo-terminal and TCP, at any speed, count by count',
  async t => {
    const cases: [string, string, number][] = [
      ['plain.edf', 'pty', 1],
      ['plus.edf', 'tcp:127.0.0.1:0', 3],
      ['f16', 'pty', 10],
      ['f212', 'tcp:127.0.0.1:0', 1],
      ['f24', 'pty', 0.5],
    ]
    await Promise.all(
      cases.map(async ([file, to, speed]) => {
        const { recording } = await readRecording(join(VECTORS, file))
        const cli = runCli('replay', join(VECTORS, file), '--to', to, '--speed', String(speed))
        await until(() => cli.out().includes('\n'))
        const { heard, lsb } = await hear(cli.out().trim(), recording.samples)
        for (const [c, { name, counts, baseline, lsb: own }] of recording.channels.entries()) {
          const exact = (s: number) => ((counts[s]! - baseline) * own) / lsb
          const wrong = [...counts.keys()].filter(
            s =>
              counts[s] !== MISSING_COUNT && Math.abs(heard[c]![s]! - exact(s)) > TOLERANCE + 1e-6 * Math.abs(exact(s)),
          )
          t.same(wrong, [], `${file}, ${name}`)
        }
        t.equal(await cli.ended, 0, cli.err())
        if (file === 'plus.edf') t.match(cli.err(), /^ecgclip: .* left out\.$/m, 'what is not played is said')
      }),
    )
  },
)

t.test('to a broker: a gateway of its own publishes what it finds, from a record and from a capture of it', async t => {
  const folder = t.testdir({})
  const player = runCli('replay', 'models/demo/demo', '--to', 'tcp:127.0.0.1:0', '--speed', '8')
  await until(() => player.out().includes('\n'))
  const recorder = runCli('record', '-o', folder, '--device', player.out().trim(), '--name', 'c', '--duration', '2')
  t.equal(await recorder.ended, 0, recorder.err())
  player.process.kill()
  const broker = await startEmbeddedBroker(0)
  t.teardown(() => broker.close())
  for (const [path, speed] of [
    ['models/demo/demo', '30'],
    [join(folder, 'c.ecgcap'), '1'],
  ] as const) {
    const cli = runCli('replay', path, '--to', broker.url, '--speed', speed)
    t.equal(await cli.ended, 0, cli.err())
    t.match(cli.out(), /^\d+ assessments published\n$/)
  }
  const half = join(folder, 'half.ecgcap')
  const whole = await readFile(join(folder, 'c.ecgcap'))
  await writeFile(half, whole.subarray(0, whole.length / 2))
  const cut = runCli('replay', half)
  await until(() => cut.out().includes('\n'))
  t.match(cut.err(), /^ecgclip: The last \d+ bytes of .*half\.ecgcap are damaged or incomplete and left out\.\n$/)
  await hear(cut.out().trim(), 100)
  t.equal(await cut.ended, 0, cut.err())
})

t.test('what cannot be played is refused in one line', async t => {
  const header = { kind: CaptureKind.Header, at: Microseconds(0), payload: Buffer.from('{"uri":"serial:A"}') }
  const folder = t.testdir({
    'x.ecgcap': 'no capture',
    'empty.ecgcap': '',
    'empty.edf': '',
    'empty.hea': '',
  })
  await writeFile(join(folder, 'silent.ecgcap'), Buffer.concat([CAPTURE_MAGIC, encodeCaptureEntry(header)]))
  await writeFile(join(folder, 'half.edf'), (await readFile(join(VECTORS, 'plain.edf'))).subarray(0, 1_000))
  const cases: [RegExp, string[]][] = [
    [/x\.ecgcap is not a capture/, [join(folder, 'x.ecgcap')]],
    [/There is no capture/, [join(folder, 'y.ecgcap')]],
    [/empty\.ecgcap is not a capture/, [join(folder, 'empty.ecgcap')]],
    [/serial:A holds nothing that the device sent: capture it again/, [join(folder, 'silent.ecgcap')]],
    [/empty is not an EDF file/, [join(folder, 'empty.edf')]],
    [/half /, [join(folder, 'half.edf')]],
    [/empty\.hea is not a WFDB header/, [join(folder, 'empty')]],
    [/There is no WFDB record/, [join(folder, 'z')]],
  ]
  await Promise.all(
    cases.map(async ([message, args]) => {
      const cli = runCli('replay', ...args)
      t.equal(await cli.ended, 2)
      t.match(cli.err(), message)
      t.equal(cli.err().trim().split('\n').length, 1)
    }),
  )
})

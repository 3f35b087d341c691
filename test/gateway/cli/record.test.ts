import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDeviceOnTcp } from '../../../firmware-bridge/emulator/virtual-device.js'
import { readCapture } from '../../../firmware-bridge/recording/read-capture.js'
import { readRecording } from '../../../firmware-bridge/recording/read-recording.js'
import { MISSING_COUNT } from '../../../firmware-bridge/recording/recording.js'
import { countingSource, countingValue } from '../../firmware-bridge/counting-source.js'
import { until } from '../../firmware-bridge/listen.js'
import { runCli } from './run-cli.js'

/** A device that samples so many times faster than it says. */
async function fastDevice(t: Test, speed: number) {
  const device = await startDeviceOnTcp({ source: countingSource(), id: 'd', speed }, '127.0.0.1', 0)
  t.teardown(() => device.stop())
  return device.carrier.uri
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

async function checkRecord(t: Test, path: string): Promise<number> {
  const { recording, notes } = await readRecording(path)
  t.same(notes, [])
  const wrong = recording.channels.flatMap(({ counts }, c) =>
    [...counts.keys()].filter(s => counts[s] !== countingValue(s, c) && counts[s] !== MISSING_COUNT),
  )
  t.same(wrong, [])
  return recording.samples
}

t.test('until Ctrl-C, which ends it with a valid header, and says what it has', async t => {
  const folder = join(t.testdir({}), 'new', 'deep')
  const cli = runCli('record', '-o', folder, '--device', await fastDevice(t, 5), '--name', 'a', '--json')
  await until(() => sizeOf(join(folder, 'a.dat')) > 20_000)
  cli.process.kill('SIGINT')
  t.equal(await cli.ended, 0)
  t.equal(cli.err(), '')
  const { records, capture } = JSON.parse(cli.out())
  t.match(records, [{ record: join(folder, 'a'), missing: 0, format: 16 }])
  t.equal(await checkRecord(t, join(folder, 'a')), records[0].samples)
  t.equal(capture.bytes, sizeOf(capture.path))
})

t.test('for a time, under a name that tells when', async t => {
  const folder = t.testdir({})
  const cli = runCli('record', '-o', folder, '--device', await fastDevice(t, 1), '--duration', '0.5')
  t.equal(await cli.ended, 0, cli.err())
  t.match(cli.out(), /ecg_\d{8}T\d{6}Z: \d+ samples, 0 missing, format 16\n.*\.ecgcap: \d+ bytes\n$/)
  const files = await readdir(folder)
  t.match(files, [/^ecg_\d{8}T\d{6}Z\.dat$/, /\.ecgcap$/, /\.hea$/])
  const samples = await checkRecord(t, join(folder, files[2]!))
  t.ok(samples >= 200, `${samples} samples`)
})

t.test(
  'killed at any instant, what was written is readable: the capture to its last whole entry, the record to its last frame',
  async t => {
    const folder = t.testdir({})
    const uris = await Promise.all([1, 2, 3].map(() => fastDevice(t, 10)))
    await Promise.all(
      uris.map(async (uri, i) => {
        const path = join(folder, String(i))
        await mkdir(path)
        const cli = runCli('record', '-o', path, '--device', uri, '--name', 'k')
        await until(() => sizeOf(join(path, 'k.dat')) > 1000 + 40_000 * i)
        cli.process.kill('SIGKILL')
        t.equal(await cli.ended, 'SIGKILL')
        t.ok((await checkRecord(t, join(path, 'k'))) > 0)
        const { entries, unread } = await readCapture(join(path, 'k.ecgcap'))
        const bytes = [...entries()].reduce((sum, { payload }) => sum + payload.length + 17, 0)
        t.ok(bytes + unread <= sizeOf(join(path, 'k.ecgcap')) && bytes > 1000)
        t.ok(unread < 64 * 1024, `${unread} bytes of an entry that was cut`)
      }),
    )
  },
)

t.test('a full disk is said in one line, and keeps what it has', { skip: cannotMount() }, async t => {
  const folder = await mkdtemp(join(tmpdir(), 'ecgclip-full-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder])
  t.teardown(() => {
    execFileSync('umount', [folder])
    return rmdir(folder)
  })
  const cli = runCli('record', '-o', folder, '--device', await fastDevice(t, 20), '--name', 'f')
  t.equal(await cli.ended, 1)
  t.match(cli.err(), /^ecgclip: The disk of .* is full: free some space, or record elsewhere\.\n$/)
  t.ok((await checkRecord(t, join(folder, 'f'))) > 1000)
  t.ok([...(await readCapture(join(folder, 'f.ecgcap'))).entries()].length > 10)
})

t.test('what cannot be recorded is refused', async t => {
  const folder = t.testdir({ 'a.ecgcap': 'precious' })
  const uri = await fastDevice(t, 1)
  const cases: [RegExp, number, string[]][] = [
    [/required option '--device/, 2, ['-o', folder]],
    [/there is no port \/dev\/ttyNONE7/, 2, ['-o', folder, '--device', 'serial:/dev/ttyNONE7']],
    [/letters, digits/, 2, ['-o', folder, '--device', uri, '--name', '../a']],
    [/a\.ecgcap exists: give another --name/, 2, ['-o', folder, '--device', uri, '--name', 'a']],
    [/cannot be written to/, 1, ['-o', '/dev/null/x', '--device', uri]],
  ]
  await Promise.all(
    cases.map(async ([message, code, args]) => {
      const cli = runCli('record', ...args)
      t.equal(await cli.ended, code, args.join(' '))
      t.match(cli.err(), message)
      t.equal(cli.err().trim().split('\n').length, 1)
    }),
  )
})

t.test('a device that never sends a sample is a failure that says what was seen', async t => {
  const source = { ...countingSource(), read: () => 0 }
  const device = await startDeviceOnTcp({ source, id: 'mute' }, '127.0.0.1', 0)
  t.teardown(() => device.stop())
  const folder = t.testdir({})
  const cli = runCli('record', '-o', folder, '--device', device.carrier.uri, '--name', 'm')
  await until(() => sizeOf(join(folder, 'm.ecgcap')) > 500)
  cli.process.kill('SIGTERM')
  t.equal(await cli.ended, 1)
  t.match(cli.err(), /^ecgclip: No sample came from tcp:127\.0\.0\.1:\d+: mute said HELLO\n$/)
})

function cannotMount(): string | false {
  return process.platform === 'linux' && process.getuid?.() === 0 ? false : 'only root may mount a small disk'
}

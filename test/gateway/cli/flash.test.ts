import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { flashCommand } from '../../../gateway/cli/flash.js'
import { NO_FLASH_BOARD, startFlashBoard } from '../../firmware-bridge/flash/flash-board.js'
import { inSlot, makeFlash, makeImage, makeKey } from '../../firmware-bridge/flash/image-maker.js'
import { runCli } from './run-cli.js'
import { runHere } from './run-here.js'

// As a technician uses it, on the C library's POSIX board.
const skip = NO_FLASH_BOARD

async function startBoard(t: Test, folder: string, ...options: string[]) {
  const flash = makeFlash(folder, { version: '1.0.0' })
  const { uri } = await startFlashBoard(t, flash, ...options)
  return { flash, uri, cli: (...args: string[]) => runHere(flashCommand(), ...args, '--device', uri) }
}

t.test('info, list, upload, test, reset, confirm: one step after the other', { skip }, async t => {
  const folder = t.testdir()
  const { flash, cli } = await startBoard(t, folder)
  t.match((await cli('info', '--json')).json(), {
    protocol: 'SMP in ECG Link',
    buffers: { bufferSize: Number, bufferCount: Number },
    slots: [{ slot: 0 }, { slot: 1 }],
    images: [{ slot: 0, version: '1.0.0', active: true, confirmed: true }],
  })
  t.match((await cli('info')).out, /^protocol {4}SMP in ECG Link\n/)
  t.match(await cli('list'), { code: 0, out: /^slot .*\n0\/0 +1\.0\.0 +[0-9a-f]{16} +active confirmed$/ })

  const file = makeImage(folder, { version: '1.1.0', bytes: 9_999 })
  const dry = await cli('upload', file.path, '--dry-run', '--json')
  t.match(dry.json(), { would: `would send ${file.bytes.length} bytes: version 1.0.0 → 1.1.0` })
  t.equal((await cli('list')).out.split('\n').length, 2, 'a dry run changes nothing')

  t.match((await cli('upload', file.path, '--json')).json(), {
    file: { name: file.name, version: '1.1.0', signatures: [], signedBy: null },
    upload: { match: true },
  })
  t.ok(inSlot(flash, 1, file.bytes.length).equals(file.bytes))
  t.match(await cli('upload', file.path), { code: 0, out: /was there already; test it next/ })

  const hash = Buffer.from(file.image.hash).toString('hex')
  t.match(await cli('test', hash.slice(0, 5)), { code: 2, err: /name it by its hash/ }, 'five digits are too few')
  t.match((await cli('test', hash.slice(0, 6), '--json')).json(), { images: [{}, { pending: true, permanent: false }] })
  t.match((await cli('reset', '--json')).json(), { images: [{ active: false }, { active: true, confirmed: false }] })
  t.match(await cli('erase'), { code: 1 }, 'the old image is what a failed trial returns to')
  t.match((await cli('confirm', '--json')).json(), { images: [{}, { active: true, confirmed: true }] })
  t.match(await cli('erase'), { code: 0 })
  t.match((await cli('list', '--json')).json(), { images: [{ slot: 1, version: '1.1.0', active: true }] })
})

t.test('an upgrade in one command, and what stops it before a byte is sent', { skip }, async t => {
  const folder = t.testdir()
  const { cli } = await startBoard(t, folder, '--console', '--tcp', '0')
  const [key, other] = [makeKey(folder, 'ed25519'), makeKey(folder, 'ed25519')]
  const file = makeImage(folder, { version: '1.1.0', key })
  const damaged = join(folder, 'damaged.bin')
  writeFileSync(damaged, file.bytes.with(1_000, file.bytes[1_000]! ^ 1))
  writeFileSync(join(folder, 'foreign.bin'), 'no firmware')
  writeFileSync(join(folder, 'empty.bin'), '')

  t.match(await cli('upgrade', join(folder, 'none.bin')), { code: 2, err: /there is no such file/ })
  t.match(await cli('upgrade', join(folder, 'empty.bin')), { code: 3 })
  t.match(await cli('upgrade', join(folder, 'foreign.bin')), { code: 3 })
  t.match(await cli('upgrade', damaged), { code: 3 })
  t.match(await cli('upgrade', file.path, '--key', `${other}.pub`), { code: 3, err: /sign/ })
  t.match(await cli('upgrade', file.path, '--key', damaged), { code: 2 })
  t.match(await cli('upgrade', file.path, '--window', '0'), { code: 2 })
  t.match((await cli('list', '--json')).json(), { images: { length: 1 } })

  const done = await cli('upgrade', file.path, '--key', `${key}.pub`, '--json')
  t.match(done.json(), { from: '1.0.0', to: '1.1.0', changed: true, file: { signedBy: /ed25519/ } })
  t.match(await cli('upgrade', file.path), { code: 0, out: /was running and confirmed already/ })
  const older = makeImage(folder, { version: '1.0.9' })
  t.match(await cli('upgrade', older.path), { code: 3, err: /1\.0\.9/ })
  t.match(await cli('upgrade', older.path, '--dry-run', '--allow-downgrade'), { code: 0, out: /1\.1\.0 → 1\.0\.9/ })
})

t.test('padding and trailer of an image for a programmer are not sent', { skip }, async t => {
  const folder = t.testdir()
  const { flash, cli } = await startBoard(t, folder)
  const padded = makeImage(folder, { version: '1.1.0', options: ['--pad', '--confirm'] })
  const { imageBytes } = padded.image
  t.match((await cli('upload', padded.path, '--json')).json(), { file: { bytes: imageBytes }, upload: { match: true } })
  t.ok(
    inSlot(flash, 1, padded.bytes.length).equals(
      Buffer.alloc(padded.bytes.length, 0xff).fill(padded.bytes.subarray(0, imageBytes), 0, imageBytes),
    ),
  )
  t.match((await cli('list', '--json')).json(), { images: [{}, { pending: false, permanent: false }] })
  t.match(await cli('upgrade', padded.path), { code: 0, out: /1\.0\.0 → 1\.1\.0/ })
})

t.test('a list of two devices: both are upgraded; one that is absent does not stop the other', { skip }, async t => {
  const folder = t.testdir()
  const boards = [await startBoard(t, folder), await startBoard(t, folder, '--console', '--tcp', '0')]
  const list = join(folder, 'ward')
  writeFileSync(list, `# ward 3\n\n${boards.map(({ uri }) => `${uri} # bed`).join('\n')}\n`)
  const file = makeImage(folder, { version: '1.1.0' })
  const { code, out } = await runHere(flashCommand(), 'upgrade', file.path, '--devices', list, '--json')
  t.equal(code, 0)
  t.match(
    out.split('\n').map(line => JSON.parse(line)),
    boards.map(({ uri }) => ({ device: uri, from: '1.0.0', to: '1.1.0', changed: true })),
  )
  for (const { flash } of boards) t.ok(inSlot(flash, 1, file.bytes.length).equals(file.bytes))

  writeFileSync(list, `${boards[1]!.uri}\nserial:/dev/ecgclip-none\n`)
  const half = await runHere(flashCommand(), 'list', '--devices', list, '--json')
  t.match(half, { code: 2, err: '1 of 2 devices failed' })
  t.match(
    half.out.split('\n').map(line => JSON.parse(line)),
    [{ images: [{}, { version: '1.1.0' }] }, { error: { code: String, message: /ecgclip-none/ } }],
  )
})

t.test('without a device, or without its list, the program says what to give and ends with 2', async t => {
  t.match(await runHere(flashCommand(), 'list'), { code: 2, err: /give --device/ })
  t.match(await runHere(flashCommand(), 'list', '--devices', 'none'), { code: 2, err: /none cannot be read/ })
  t.match(await runHere(flashCommand(), 'list', '--device', 'nonsense'), { code: 2 })
  const run = runCli('flash', 'list')
  t.equal(await run.ended, 2)
  t.match(run.err(), /^ecgclip: No device was named/)
})

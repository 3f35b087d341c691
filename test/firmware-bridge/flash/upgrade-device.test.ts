import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { deliverImage, upgradeDevice } from '../../../firmware-bridge/flash/upgrade-device.js'
import { posixBoard } from '../firmware/board-host.js'
import { hear, NO_FLASH_BOARD, openBoard, POLICY, startFlashBoard } from './flash-board.js'
import { inSlot, makeFlash, makeImage } from './image-maker.js'

// Against the C library on its POSIX board, whose flash refuses what real flash refuses.
const skip = NO_FLASH_BOARD

for (const [name, options, protocol] of [
  ['ECG Link on a pseudo-terminal', [], 'SMP in ECG Link'],
  ['a console on a TCP port', ['--console', '--tcp', '0'], 'SMP on a console'],
] as const) {
  t.test(`an upgrade over ${name}: the image is there byte for byte, runs, and is confirmed`, { skip }, async t => {
    const folder = t.testdir()
    const flash = makeFlash(folder, { version: '1.0.0' })
    const { uri } = await startFlashBoard(t, flash, ...options)
    const device = await openBoard(t, uri)
    t.equal(device.protocol, protocol)
    const file = makeImage(folder, { version: '1.1.0+7', bytes: 30_001 })
    const heard = hear()
    const result = await upgradeDevice(device, file, POLICY, heard)
    t.match(result, { from: '1.0.0', to: '1.1.0.7', changed: true, streams: options.length > 0 ? undefined : true })
    t.match(result.upload, { match: true, resentBytes: 0 })
    t.same(heard.phases, ['upload', 'test', 'reset', 'check', 'confirm'])
    t.equal(heard.progressed.at(-1), file.bytes.length)
    t.ok(inSlot(flash, 1, file.bytes.length).equals(file.bytes))
    t.match(await device.images(), [
      { slot: 0, version: '1.0.0', active: false },
      { slot: 1, version: '1.1.0.7', active: true, confirmed: true, pending: false },
    ])
    t.equal(await device.echo('µV'), 'µV')

    t.match(await upgradeDevice(device, file, POLICY, hear()), { changed: false }, 'run again it changes nothing')
    const next = makeImage(folder, { version: '1.2.0', bytes: 20_000 })
    t.match(await upgradeDevice(device, next, POLICY, hear()), { from: '1.1.0.7', to: '1.2.0', changed: true })
    t.ok(inSlot(flash, 0, next.bytes.length).equals(next.bytes), 'into the slot that was free')
  })
}

t.test('the trailer of an image on trial is the one that imgtool writes', { skip }, async t => {
  const folder = t.testdir()
  const flash = makeFlash(folder, { version: '1.0.0' })
  const device = await openBoard(t, (await startFlashBoard(t, flash)).uri)
  const body = Buffer.alloc(4000, 7)
  const file = makeImage(folder, { version: '1.1.0', body })
  const padded = makeImage(folder, { version: '1.1.0', body, options: ['--pad'] })
  await deliverImage(device, file, POLICY, hear())
  t.match((await device.images())[1], { pending: false, bootable: true })
  t.match((await device.test(file.image.hash))[1], { pending: true, permanent: false })
  const TRAILER_FLAGS = 32
  const trailer = inSlot(flash, 1, padded.bytes.length)
  t.ok(
    trailer.subarray(-TRAILER_FLAGS).equals(Buffer.from(padded.bytes.subarray(-TRAILER_FLAGS))),
    'copy done, image ok, magic',
  )
  t.match((await device.confirm(file.image.hash))[1], { pending: true, permanent: true })
})

t.test('an image that is not confirmed is gone after the next reset, and the old one is back', { skip }, async t => {
  const folder = t.testdir()
  const flash = makeFlash(folder, { version: '1.0.0' })
  const { uri, process: board } = await startFlashBoard(t, flash)
  const device = await openBoard(t, uri)
  const file = makeImage(folder, { version: '1.1.0' })
  await deliverImage(device, file, POLICY, hear())
  await device.test(file.image.hash)
  t.match(await device.restart(file.image.hash), [{ active: false }, { active: true, confirmed: false }])
  await t.rejects(deliverImage(device, makeImage(folder, { version: '1.2.0' }), POLICY, hear()), {
    code: 'smp-refused',
    message: /no slot is free: confirm or erase/,
  })
  board.kill('SIGUSR2')
  await sleep(300)
  t.match(await device.images(), [{ slot: 0, version: '1.0.0', active: true, confirmed: true }])
  t.equal((await device.images()).length, 1)
})

t.test('an image that its bootloader does not take is told as such', { skip }, async t => {
  const folder = t.testdir()
  const flash = makeFlash(folder, { version: '1.0.0' })
  const device = await openBoard(t, (await startFlashBoard(t, flash)).uri)
  const file = makeImage(folder, { version: '1.1.0' })
  const damaged = Uint8Array.from(file.bytes)
  damaged[1000]! ^= 1
  await t.rejects(upgradeDevice(device, { ...file, bytes: damaged }, POLICY, hear()), {
    code: 'flash-reverted',
    exitCode: 3,
    message: /came back with version 1\.0\.0, not 1\.1\.0/,
  })
})

t.test(
  'an older image is refused unless it is asked for, and a device that runs the newest refuses it itself',
  { skip },
  async t => {
    const folder = t.testdir()
    const device = await openBoard(t, (await startFlashBoard(t, makeFlash(folder, { version: '2.0.0' }))).uri)
    const file = makeImage(folder, { version: '1.9.9' })
    await t.rejects(upgradeDevice(device, file, POLICY, hear()), { code: 'image-downgrade', exitCode: 3 })
    t.equal((await device.images()).length, 1, 'nothing was sent')
    await t.rejects(upgradeDevice(device, file, { ...POLICY, allowDowngrade: true }, hear()), {
      message: /its own firmware is newer, or as new \(SMP 1\/27\)/,
    })
  },
)

t.test(
  'another build of the version that runs is refused where it would never run, not waited for',
  { skip },
  async t => {
    const folder = t.testdir()
    const device = await openBoard(t, (await startFlashBoard(t, makeFlash(folder, { version: '1.0.0' }))).uri)
    await t.rejects(upgradeDevice(device, makeImage(folder, { version: '1.0.0+1' }), POLICY, hear()), {
      message: /its own firmware is newer, or as new \(SMP 1\/27\)/,
    })
    await upgradeDevice(device, makeImage(folder, { version: '1.1.0' }), POLICY, hear())
    const rebuilt = makeImage(folder, { version: '1.1.0+1' })
    t.match(await upgradeDevice(device, rebuilt, POLICY, hear()), { changed: true }, 'of equals the first slot’s runs')
  },
)

t.test('an image that fills its slot into the trailer is refused before a byte is sent', { skip }, async t => {
  const folder = t.testdir()
  const device = await openBoard(t, (await startFlashBoard(t, makeFlash(folder, { version: '1.0.0' }))).uri)
  const file = makeImage(folder, { version: '1.1.0', bytes: 10_000 })
  const large = { ...file, bytes: Buffer.concat([file.bytes, Buffer.alloc(130_000)]) }
  await t.rejects(deliverImage(device, large, POLICY, hear()), { code: 'image-too-large', exitCode: 3 })
})

t.test('erase frees the other slot, never the one that runs', { skip }, async t => {
  const folder = t.testdir()
  const device = await openBoard(t, (await startFlashBoard(t, makeFlash(folder, { version: '1.0.0' }))).uri)
  await deliverImage(device, makeImage(folder, { version: '1.1.0' }), POLICY, hear())
  await t.rejects(device.erase(0), { message: /it has no such slot/ })
  await device.erase()
  t.match(await device.images(), [{ slot: 0, active: true }])
  t.equal((await device.images()).length, 1)
})

t.test('a device without firmware update says so at once', { skip }, async t => {
  const board = spawn(posixBoard, ['--tcp', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => board.kill())
  const [line] = await once(board.stdout, 'data')
  await t.rejects(openBoard(t, String(line).trim()), { code: 'flash-unsupported', message: /no "smp" in its HELLO/ })
})

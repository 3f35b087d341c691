import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Microseconds } from '../../../ecg/units.js'
import type { FlashDevice } from '../../../firmware-bridge/flash/flash-device.js'
import { deliverImage, upgradeDevice } from '../../../firmware-bridge/flash/upgrade-device.js'
import { encodeFrame } from '../../../firmware-bridge/link/cobs.js'
import { encodePacket, PacketType } from '../../../firmware-bridge/link/packet.js'
import { hear, POLICY } from './flash-board.js'
import { makeFlash, makeImage, makeKey } from './image-maker.js'
import { cutPowerOften, running, type Versions } from './power-cuts.js'
import { firmwareBody, LOAD_ADDRESS, NO_QEMU_FLASH, qemuFlashBoard } from './qemu-flash-board.js'

// The C library on a Cortex-M3 in QEMU: bootloader and firmware really run, from flash in a file that outlasts them.
const skip = NO_QEMU_FLASH

/** `make flash-faults` asks for two hundred. */
const CUTS = Number(process.env.ECGCLIP_FLASH_POWER_CUTS ?? 4)

interface Made extends Versions {
  readonly folder: string
}

let made: Made | undefined
/** Two versions of the firmware, the older one in a flash of its own; made once. */
function make(folder: string): Made {
  if (made) return made
  const key = makeKey(folder, 'ed25519')
  const oldBody = firmwareBody('0.1.0')
  const wish = { version: '0.1.0', body: oldBody, key, options: LOAD_ADDRESS }
  const old = makeImage(folder, wish)
  const factory = makeFlash(folder, wish)
  const update = makeImage(folder, {
    version: '0.2.0',
    body: firmwareBody('0.2.0', 2_000),
    key,
    options: LOAD_ADDRESS,
  })
  made = { folder, factory, old, update }
  return made
}

t.test('flashing a Cortex-M3', { skip, timeout: 3_600_000 }, async t => {
  const images = make(t.testdir())
  const flash = join(images.folder, 'flash.bin')
  let fullUpgrade = 0

  t.beforeEach(() => copyFileSync(images.factory, flash))

  await t.test('upload, test, reset, check, confirm: the new firmware runs and stays', async t => {
    const board = await qemuFlashBoard(t, flash)
    await board.start()
    const device = await board.open()
    const begun = performance.now()
    const result = await upgradeDevice(device, images.update, POLICY, hear())
    fullUpgrade = performance.now() - begun
    t.match(result, { from: '0.1.0', to: '0.2.0', changed: true, streams: true, upload: { match: true } })
    t.match(await device.restart(), [{ version: '0.1.0' }, { version: '0.2.0', active: true, confirmed: true }])
    t.ok((await running(device, flash, images)).intact)
    await device.close()
  })

  await t.test('a new firmware that is not confirmed is on trial until the next reset', async t => {
    const board = await qemuFlashBoard(t, flash)
    await board.start()
    const device = await board.open()
    await deliverImage(device, images.update, POLICY, hear())
    await device.test(images.update.image.hash)
    const trial = await device.restart(images.update.image.hash)
    t.match(
      trial.find(({ active }) => active),
      { version: '0.2.0', confirmed: false },
    )
    t.match(
      trial.find(({ active }) => !active),
      { version: '0.1.0', confirmed: true },
      'what it would return to',
    )
    t.match(await device.restart(), [{ version: '0.1.0', active: true, confirmed: true }])
    t.ok((await running(device, flash, images)).intact)
    await device.close()
  })

  await t.test('a device that streams to nobody is paused for the upload, and goes on afterwards', async t => {
    const board = await qemuFlashBoard(t, flash)
    await board.start()
    await (await board.open()).close()
    const gateway = connect(Number(board.uri.split(':')[2]), '127.0.0.1')
    gateway.write(encodeFrame(encodePacket(PacketType.Start, 0, Microseconds(0))))
    await once(gateway, 'data')
    gateway.destroy() // as one that was killed, without STOP
    const device = await board.open()
    while (!(await isStreaming(device))) await sleep(20)
    await device.paused(() => deliverImage(device, images.update, POLICY, hear()))
    t.ok(await isStreaming(device))
    await device.close()
  })

  await t.test(`the power cut ${CUTS} times: old or new always boots, and a second run succeeds`, async t => {
    await cutPowerOften(t, await qemuFlashBoard(t, flash), flash, images, CUTS, fullUpgrade)
  })
})

/** Whether samples come by themselves. */
async function isStreaming(device: FlashDevice): Promise<boolean> {
  await sleep(100)
  return (device.client.carrier as { streaming?(): boolean }).streaming?.() ?? false
}

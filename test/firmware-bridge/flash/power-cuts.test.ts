import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { upgradeDevice } from '../../../firmware-bridge/flash/upgrade-device.js'
import { posixBoard } from '../firmware/board-host.js'
import { hear, NO_FLASH_BOARD, POLICY } from './flash-board.js'
import { makeFlash, makeImage } from './image-maker.js'
import { cutPowerOften } from './power-cuts.js'
import { poweredBoard } from './powered-board.js'

/** `make flash-faults` asks for two hundred. The same on an emulated Cortex-M3: qemu-flash.test.ts. */
const CUTS = Number(process.env.ECGCLIP_FLASH_POWER_CUTS ?? 12)

t.test(
  `the power cut ${CUTS} times while the C library takes an upgrade: old or new always boots, and a second run succeeds`,
  { skip: NO_FLASH_BOARD, timeout: 3_600_000 },
  async t => {
    const folder = t.testdir()
    const wish = { version: '1.0.0', body: Buffer.alloc(9_000, 1) }
    const images = {
      factory: makeFlash(folder, wish),
      old: makeImage(folder, wish),
      update: makeImage(folder, { version: '1.1.0', bytes: 60_000 }),
    }
    const flash = join(folder, 'flash.bin')
    const board = await poweredBoard(t, port => [posixBoard, '--flash', flash, '--tcp', `${port}`])
    copyFileSync(images.factory, flash)
    await board.start()
    const device = await board.open()
    const begun = performance.now()
    t.match(await upgradeDevice(device, images.update, POLICY, hear()), { changed: true })
    const fullUpgrade = performance.now() - begun
    await device.close()
    await board.cutPower()
    await cutPowerOften(t, board, flash, images, CUTS, fullUpgrade)
  },
)

import { copyFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { createRandom } from '../../../firmware-bridge/emulator/random.js'
import type { FlashDevice } from '../../../firmware-bridge/flash/flash-device.js'
import { upgradeDevice } from '../../../firmware-bridge/flash/upgrade-device.js'
import { hear, POLICY } from './flash-board.js'
import { inSlot, type MadeImage } from './image-maker.js'
import type { PoweredBoard } from './powered-board.js'

export interface Versions {
  /** Flash that holds `old`, confirmed. */
  readonly factory: string
  readonly old: MadeImage
  readonly update: MadeImage
}

/** The image that says that it runs, and whether every byte of it is what it should be. */
export async function running(device: FlashDevice, flash: string, { old, update }: Versions) {
  const image = (await device.images()).find(({ active }) => active)!
  const file = [old, update].find(
    ({ image: { hash } }) => image.hash && Buffer.from(hash).equals(Buffer.from(image.hash)),
  )
  return {
    image,
    isOld: file === old,
    intact: file !== undefined && inSlot(flash, image.slot as 0 | 1, file.bytes.length).equals(Buffer.from(file.bytes)),
  }
}

/** Another one finds other instants. */
const SEED = Number(process.env.ECGCLIP_FLASH_SEED ?? 11)

const PHASES = ['upload', 'test', 'reset', 'check', 'confirm'] as const
/** The short phases, in which trailers are written, take about so long, ms. */
const SHORT_PHASE = 300

/**
 * Cuts the power at random instants of an upgrade, of which every other one lies within the writing of a trailer or a boot. Each
 * time an intact image must run afterwards, and the same upgrade must succeed.
 */
export async function cutPowerOften(
  t: Test,
  board: PoweredBoard,
  flash: string,
  versions: Versions,
  cuts: number,
  fullUpgrade: number,
) {
  const random = createRandom(SEED)
  let old = 0
  for (let cut = 1; cut <= cuts; cut++) {
    copyFileSync(versions.factory, flash)
    await board.start()
    const device = await board.open()
    const phase = cut % 2 === 0 ? PHASES[Math.floor(random() * PHASES.length)]! : undefined
    const delay = random() * (phase && phase !== 'upload' ? SHORT_PHASE : fullUpgrade)
    const heard = hear()
    let reached = () => {}
    const due = new Promise<void>(resolve => {
      reached = resolve
    })
    if (phase === undefined) reached()
    const listener = {
      ...heard,
      phase(begun: (typeof PHASES)[number]) {
        heard.phase(begun)
        if (begun === phase) reached()
      },
    }
    const upgrade = upgradeDevice(device, versions.update, POLICY, listener).catch((error: Error) => error)
    await Promise.race([due, upgrade])
    await sleep(delay)
    await board.cutPower()
    await device.close()
    await upgrade

    await board.start()
    const again = await board.open()
    const { image, intact, isOld } = await running(again, flash, versions)
    const when = phase ? `${Math.round(delay)} ms after "${phase}" began` : `after ${Math.round(delay)} ms`
    t.ok(intact, `cut ${cut}, ${when}: version ${image.version} boots, intact`)
    if (isOld) old++
    t.match(await upgradeDevice(again, versions.update, POLICY, hear()), { streams: true }, 'a second run succeeds')
    t.match(await running(again, flash, versions), { isOld: false, intact: true, image: { confirmed: true } })
    await again.close()
    await board.cutPower()
  }
  t.comment(`of ${cuts} power cuts ${old} booted the old image and ${cuts - old} the new one`)
}

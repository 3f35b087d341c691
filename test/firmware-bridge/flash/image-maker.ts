import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseMcubootImage } from '../../../firmware-bridge/flash/image/mcuboot-image.js'
import type { ImageFile } from '../../../firmware-bridge/flash/upgrade-device.js'

/** MCUboot's own tool, from PyPI: what makes images, keys and trailers here is not what reads them. */
const IMGTOOL = '.venv/bin/imgtool'

/** Why no images can be made here, or false. */
export const NO_IMGTOOL: string | false = existsSync(IMGTOOL)
  ? false
  : 'needs imgtool in .venv: pip install -r test/requirements.txt'

/** As boards/emulated_flash.h has it. */
export const SLOT_BYTES = 128 * 1024

export interface MadeImage extends ImageFile {
  readonly path: string
}

export interface ImageWish {
  readonly version: string
  /** Random bytes by default. */
  readonly body?: Uint8Array
  readonly bytes?: number
  /** PEM of a private key; unsigned by default. */
  readonly key?: string
  readonly options?: readonly string[]
}

function imgtool(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(IMGTOOL, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`imgtool ${args.join(' ')}: ${stderr}`)
  return stdout
}

/** Path of a private key; its public half lies beside it, with `.pub`. */
export function makeKey(folder: string, type: 'ed25519' | 'ecdsa-p256' | 'rsa-2048' | 'rsa-3072'): string {
  const path = join(folder, `${type}-${randomBytes(3).toString('hex')}.pem`)
  imgtool('keygen', '-k', path, '-t', type)
  imgtool('getpub', '-k', path, '-e', 'pem', '-o', `${path}.pub`)
  return path
}

export function makeImage(folder: string, wish: ImageWish): MadeImage {
  const name = `v${wish.version}-${randomBytes(3).toString('hex')}`
  const body = join(folder, `${name}.body`)
  const path = join(folder, `${name}.bin`)
  writeFileSync(body, wish.body ?? randomBytes(wish.bytes ?? 20_000))
  const layout = ['--header-size', '0x200', '--pad-header', '--align', '8', '--slot-size', `${SLOT_BYTES}`]
  const key = wish.key ? ['-k', wish.key] : []
  imgtool('sign', ...key, ...layout, '--version', wish.version, ...(wish.options ?? []), body, path)
  const bytes = readFileSync(path)
  return { name: `${name}.bin`, path, bytes, image: parseMcubootImage(bytes) }
}

/** A device's flash as it leaves the factory: this image in slot 0, with the trailer that imgtool writes. */
export function makeFlash(folder: string, wish: ImageWish): string {
  const path = join(folder, `flash-${randomBytes(3).toString('hex')}.bin`)
  const factory = makeImage(folder, { ...wish, options: [...(wish.options ?? []), '--pad', '--confirm'] })
  writeFileSync(path, Buffer.concat([factory.bytes, Buffer.alloc(SLOT_BYTES, 0xff)]))
  return path
}

/** What lies in a slot, as long as the image. */
export function inSlot(flash: string, slot: 0 | 1, length: number): Buffer {
  return readFileSync(flash).subarray(slot * SLOT_BYTES, slot * SLOT_BYTES + length)
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

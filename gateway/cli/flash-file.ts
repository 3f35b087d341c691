import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { FlashError } from '../../firmware-bridge/flash/flash-error.js'
import {
  type ImageKey,
  readImageKey,
  sampleKeyOf,
  signaturesOf,
  verifyImage,
} from '../../firmware-bridge/flash/image/image-signature.js'
import { formatVersion } from '../../firmware-bridge/flash/image/image-version.js'
import { parseMcubootImage } from '../../firmware-bridge/flash/image/mcuboot-image.js'
import type { ImageFile } from '../../firmware-bridge/flash/upgrade-device.js'

/** What is known about an image before a byte of it is sent. */
export interface CheckedFile extends ImageFile {
  readonly version: string
  readonly hash: string
  readonly signatures: readonly string[]
  /** The key of ours that signed it; undefined where none was given to compare with. */
  readonly signedBy: string | undefined
  readonly warnings: readonly string[]
}

/** Longest image that is read: more than any microcontroller's flash. */
const MAX_BYTES = 64 * 1024 * 1024

/** Reads a file, finds out whether it is a whole MCUboot image, and who signed it. */
export async function checkImageFile(path: string, keyPaths: readonly string[]): Promise<CheckedFile> {
  const name = basename(path)
  const file = await read(path)
  if (file.length > MAX_BYTES)
    throw new FlashError('image-foreign', `${name} has ${file.length} bytes: that is no firmware image`)
  const keys = await Promise.all(keyPaths.map(readKey))
  const image = parseMcubootImage(file, name)
  // A trailer (imgtool --pad, --confirm) is for a programmer: servers refuse the whole for it, or would not be asked for a test.
  const bytes = file.subarray(0, image.imageBytes)
  const signedBy = keys.length > 0 ? verifyImage(image, keys).name : undefined
  const signatures = signaturesOf(image)
  return {
    name,
    bytes,
    image,
    version: formatVersion(image.version),
    hash: hex(image.hash),
    signatures,
    signedBy,
    warnings: warnings(),
  }

  function warnings(): string[] {
    const sample = sampleKeyOf(image)
    const sentences = []
    const behind = file.length - bytes.length
    if (behind > 0)
      sentences.push(`${name} has ${behind} bytes of padding or trailer behind the image, which are not sent`)
    if (sample) {
      sentences.push(
        `${name} is signed with MCUboot's sample key ${sample}, whose private half is public: anyone can make images for a device that trusts it`,
      )
    }
    if (signatures.length === 0) sentences.push(`${name} is not signed: a device that takes it takes anything`)
    else if (!signedBy)
      sentences.push(
        `the signature of ${name} was not checked here, only by the device: give --key to check it before it is sent`,
      )
    return sentences
  }
}

async function readKey(path: string): Promise<ImageKey> {
  return readImageKey((await read(path)).toString('latin1'), basename(path))
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (error as Error).message
    throw new FlashError('image-unreadable', `${path} cannot be read: ${reason}`, error)
  }
}

export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

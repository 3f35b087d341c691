import type { FlashDevice } from './flash-device.js'
import { FlashError } from './flash-error.js'
import { compareVersions, formatVersion, parseVersion } from './image/image-version.js'
import type { McubootImage } from './image/mcuboot-image.js'
import type { DeviceImage } from './smp/smp-commands.js'
import { sameHash, type UploadResult, uploadImage } from './upload-image.js'

/** A file that was found to be an image. */
export interface ImageFile {
  readonly name: string
  readonly bytes: Uint8Array
  readonly image: McubootImage
}

export interface FlashListener {
  phase(phase: 'upload' | 'test' | 'reset' | 'check' | 'confirm'): void
  progress(bytes: number, total: number): void
  /** Something for people that is no error. */
  note(sentence: string): void
}

export interface FlashPolicy {
  /** Which of the device's processors. */
  readonly imageNumber: number
  readonly allowDowngrade: boolean
  readonly mostUnderWay?: number
}

/** What is in a device, and what of it runs. Throws where the image should not go there. */
export function checkAgainst(
  images: readonly DeviceImage[],
  file: ImageFile,
  policy: FlashPolicy,
): DeviceImage | undefined {
  const own = images.filter(({ image }) => image === policy.imageNumber)
  const running = own.find(({ active }) => active)
  const [before, after] = [running && parseVersion(running.version), file.image.version]
  if (before && compareVersions(after, before) < 0 && !policy.allowDowngrade) {
    throw new FlashError(
      'image-downgrade',
      `${file.name} is version ${formatVersion(after)}, the device runs ${running?.version}: give --allow-downgrade if you want the older one`,
    )
  }
  return running
}

/** Brings the image into the free slot, unless it is in the device already. */
export async function deliverImage(
  device: FlashDevice,
  file: ImageFile,
  policy: FlashPolicy,
  listener: FlashListener,
): Promise<UploadResult | undefined> {
  const { hash } = file.image
  const images = await device.images()
  checkAgainst(images, file, policy)
  if (images.some(image => image.image === policy.imageNumber && sameHash(image.hash, hash))) {
    listener.note('the device has this image already')
    return undefined
  }
  await refuseTooLarge(device, file, policy)
  listener.phase('upload')
  const result = await uploadImage(device.client, file.bytes, {
    imageNumber: policy.imageNumber,
    imageHash: hash,
    parameters: device.limits,
    ...(policy.mostUnderWay === undefined ? {} : { mostUnderWay: policy.mostUnderWay }),
    progress: bytes => listener.progress(bytes, file.bytes.length),
    trouble: listener.note,
    images: () => device.images(),
  })
  if (!(await device.images()).some(image => sameHash(image.hash, hash))) {
    throw new FlashError('flash-hash-differs', 'the device does not list the image that it was sent: upload it again')
  }
  return result
}

async function refuseTooLarge(device: FlashDevice, { name, bytes }: ImageFile, { imageNumber }: FlashPolicy) {
  const sizes = ((await device.slots()) ?? []).filter(slot => slot.image === imageNumber && slot.size > 0)
  const room = Math.max(...sizes.map(({ size }) => size))
  if (sizes.length > 0 && bytes.length > room) {
    throw new FlashError(
      'image-too-large',
      `${name} has ${bytes.length} bytes, the device's slots ${room}: build a smaller image`,
    )
  }
}

/** What has become of an upgrade. */
export interface UpgradeResult {
  readonly from: string | undefined
  readonly to: string
  /** False: this image was running, and confirmed, before. */
  readonly changed: boolean
  readonly streams: boolean | undefined
  readonly upload: UploadResult | undefined
}

/**
 * Upload, test, reset, self-check, confirm. Whatever goes wrong before the last step leaves the device with the image that it had:
 * at once, or after its next reset. Run again it goes on from wherever it was cut short.
 */
export async function upgradeDevice(
  device: FlashDevice,
  file: ImageFile,
  policy: FlashPolicy,
  listener: FlashListener,
): Promise<UpgradeResult> {
  const { hash } = file.image
  const to = formatVersion(file.image.version)
  const isOurs = (image: DeviceImage | undefined) => image?.image === policy.imageNumber && sameHash(image.hash, hash)
  const running = checkAgainst(await device.images(), file, policy)
  const result = { from: running?.version, to }

  /** Without a hash a server confirms the image that it runs itself, number 0's; one with a hash it may refuse of others. */
  async function keep(): Promise<readonly DeviceImage[]> {
    if (policy.imageNumber === 0) return device.confirm()
    const images = await device.images()
    return images.find(isOurs)?.confirmed ? images : device.confirm(hash)
  }

  return device.paused(async () => {
    let upload: UploadResult | undefined
    if (isOurs(running)) {
      if (running?.confirmed) return { ...result, changed: false, streams: await device.streams(), upload }
      listener.note('the device runs this image on trial: going on with its check')
    } else {
      upload = await deliverImage(device, file, policy, listener)
      listener.phase('test')
      if (!(await device.images()).find(isOurs)?.pending) await device.test(hash)
      listener.phase('reset')
      const after = (await device.restart(hash)).find(({ image, active }) => image === policy.imageNumber && active)
      if (!isOurs(after)) {
        throw new FlashError(
          'flash-reverted',
          `the device came back with version ${after?.version ?? '?'}, not ${to}: its bootloader did not take the image, which may be signed with a key that it does not know`,
        )
      }
    }
    listener.phase('check')
    const streams = await device.streams()
    if (streams === false) {
      throw new FlashError(
        'flash-not-streaming',
        `version ${to} runs but sends no samples, so it was not confirmed: the next reset of the device brings ${result.from ?? 'the old version'} back`,
      )
    }
    await device.echo('ecgclip')
    listener.phase('confirm')
    const confirmed = (await keep()).find(isOurs)
    if (!confirmed?.confirmed) {
      throw new FlashError(
        'flash-reverted',
        `the device does not confirm version ${to}: the next reset brings the old one back; run the same command again`,
      )
    }
    return { ...result, changed: true, streams, upload }
  })
}

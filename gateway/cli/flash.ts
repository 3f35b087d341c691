import { existsSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import type { FlashDevice } from '../../firmware-bridge/flash/flash-device.js'
import { FlashError } from '../../firmware-bridge/flash/flash-error.js'
import type { DeviceImage } from '../../firmware-bridge/flash/smp/smp-commands.js'
import {
  checkAgainst,
  deliverImage,
  type FlashListener,
  type FlashPolicy,
  upgradeDevice,
} from '../../firmware-bridge/flash/upgrade-device.js'
import { sameHash } from '../../firmware-bridge/flash/upload-image.js'
import { type DeviceFlags, deviceOptions, withDevices } from './flash-devices.js'
import { type CheckedFile, checkImageFile, hex } from './flash-file.js'
import { formatTable } from './format-table.js'
import { each, number } from './options.js'

interface ImageFlags extends DeviceFlags {
  image: number
}

interface SendFlags extends ImageFlags {
  key?: string[]
  allowDowngrade?: boolean
  dryRun?: boolean
  window?: number
}

/** `ecgclip flash`: device firmware by SMP (mcumgr), from images that MCUboot boots. */
export function flashCommand(): Command {
  return new Command('flash')
    .description('device firmware by SMP (mcumgr), over a serial console, ECG Link or Bluetooth')
    .addCommand(infoCommand())
    .addCommand(listCommand())
    .addCommand(uploadCommand())
    .addCommand(stateCommand('test', 'boot the image once at the next reset; it stays only if it is confirmed'))
    .addCommand(stateCommand('confirm', 'keep the image for good; the one that runs by default'))
    .addCommand(resetCommand())
    .addCommand(eraseCommand())
    .addCommand(upgradeCommand())
}

function infoCommand(): Command {
  return deviceOptions(new Command('info'))
    .description('what a device says about itself, its bootloader, its buffers and its slots')
    .action((flags: DeviceFlags) =>
      withDevices(flags, {
        async run(device) {
          const [about, bootloader, slots, images] = [
            await device.info('nsvrbmpio'),
            await device.bootloader(),
            await device.slots(),
            (await device.images()).map(asJson),
          ]
          return { protocol: device.protocol, about, bootloader, buffers: device.limits, slots, images }
        },
        asText: ({ protocol, about, bootloader, buffers, slots, images }) =>
          `${[
            `protocol    ${protocol}`,
            `about       ${about ?? '–'}`,
            `bootloader  ${bootloader ? `${bootloader.name}${bootloader.mode === undefined ? '' : `, mode ${bootloader.mode}`}` : '–'}`,
            `buffers     ${buffers ? `${buffers.bufferCount} of ${buffers.bufferSize} bytes` : '–'}`,
            `slots       ${slots?.map(({ image, slot, size }) => `${image}/${slot}: ${size} bytes`).join(', ') ?? '–'}`,
          ].join('\n')}\n${imageTable(images)}`,
      }),
    )
}

function listCommand(): Command {
  return deviceOptions(new Command('list'))
    .description('the images in a device, and which of them runs')
    .action((flags: DeviceFlags) => withDevices(flags, { run: async device => listed(await device.images()), asText }))
}

function uploadCommand(): Command {
  return sendCommand('upload', 'bring an image into the free slot; nothing changes until it is tested', {
    async send(device, file, policy, listener) {
      const upload = await device.paused(() => deliverImage(device, file, policy, listener))
      return { upload: upload ?? null }
    },
    asText: ({ upload, seconds, file }) =>
      `${file.name}, version ${file.version}: ${upload ? `sent ${file.bytes} bytes in ${seconds} s` : 'was there already'}; test it next`,
  })
}

function upgradeCommand(): Command {
  return sendCommand(
    'upgrade',
    'upload, test, reset, see that it comes back and streams, confirm; what fails leaves the old firmware',
    {
      send: upgradeDevice,
      asText({ from, to, changed, streams, seconds }) {
        const stream = streams === undefined ? 'whether it streams cannot be seen on this carrier' : 'and it streams'
        return changed
          ? `version ${from ?? '?'} → ${to} in ${seconds} s, confirmed; ${stream}`
          : `version ${to} was running and confirmed already; ${stream}`
      },
    },
  )
}

/** What is done with an image that holds on this side already. */
interface Sending<Result extends object> {
  send(device: FlashDevice, file: CheckedFile, policy: FlashPolicy, listener: FlashListener): Promise<Result>
  asText(result: Result & { readonly file: ReturnType<typeof described>; readonly seconds: number }): string
}

function sendCommand<Result extends object>(
  name: string,
  description: string,
  { send, asText }: Sending<Result>,
): Command {
  return sendOptions(new Command(name))
    .description(description)
    .argument('<file>', 'image signed with imgtool, .bin')
    .action(async (path: string, flags: SendFlags) => {
      const file = await checkFile(path, flags)
      await withDevices(flags, {
        async run(device, listener) {
          if (flags.dryRun) return dryRun(device, file, flags)
          const begun = performance.now()
          const result = await send(device, file, policyOf(flags), listener)
          return { file: described(file), seconds: seconds(begun), ...result }
        },
        asText: result => `${'would' in result ? result.would : asText(result)}\n`,
      })
    })
}

function stateCommand(verb: 'test' | 'confirm', description: string): Command {
  return imageOptions(new Command(verb))
    .description(description)
    .argument('[image]', 'file, or hash as list shows it (6 digits or more)')
    .action((which: string | undefined, flags: ImageFlags) =>
      withDevices(flags, {
        async run(device) {
          const hash = await hashOf(device, which, verb, flags.image)
          return listed(await (verb === 'test' ? device.test(hash!) : device.confirm(hash)))
        },
        asText,
      }),
    )
}

function resetCommand(): Command {
  return deviceOptions(new Command('reset'))
    .description('reset a device and wait until it is back')
    .action((flags: DeviceFlags) => withDevices(flags, { run: async device => listed(await device.restart()), asText }))
}

function eraseCommand(): Command {
  return deviceOptions(new Command('erase'))
    .description('erase the slot that does not run')
    .option('--slot <n>', 'of the device; its free one by default', number(0, 15))
    .action((flags: DeviceFlags & { slot?: number }) =>
      withDevices(flags, {
        async run(device) {
          await device.paused(() => device.erase(flags.slot))
          return listed(await device.images())
        },
        asText,
      }),
    )
}

function imageOptions(command: Command): Command {
  return deviceOptions(command).option('--image <n>', 'processor, in a device of several', number(0, 15), 0)
}

function sendOptions(command: Command): Command {
  return imageOptions(command)
    .option('--key <pem>', 'public key that must have signed the image; repeatable', each)
    .option('--allow-downgrade', 'take an image that is older than the one that runs')
    .option('--dry-run', 'check file and device, say what would be done, and change nothing')
    .option('--window <n>', 'parts under way at once; by default as many as the device has buffers, less one', windowOf)
}

function windowOf(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= 64) return value
  throw new InvalidArgumentError('It must be a whole number from 1 to 64.')
}

function policyOf({ image, allowDowngrade = false, window }: SendFlags): FlashPolicy {
  return { imageNumber: image, allowDowngrade, ...(window === undefined ? {} : { mostUnderWay: window }) }
}

async function checkFile(path: string, { key = [] }: SendFlags): Promise<CheckedFile> {
  const file = await checkImageFile(path, key)
  for (const warning of file.warnings) process.stderr.write(`ecgclip: warning: ${warning}\n`)
  return file
}

async function dryRun(device: FlashDevice, file: CheckedFile, flags: SendFlags) {
  const images = await device.images()
  const running = checkAgainst(images, file, policyOf(flags))
  const there = images.some(image => sameHash(image.hash, file.image.hash))
  const would = `would ${there ? 'send nothing, for the image is there already' : `send ${file.bytes.length} bytes`}: version ${running?.version ?? '?'} → ${file.version}`
  return { file: described(file), images: images.map(asJson), would }
}

/** An image in the device by its hash's beginning, or by the file that was sent. */
async function hashOf(
  device: FlashDevice,
  which: string | undefined,
  verb: 'test' | 'confirm',
  imageNumber: number,
): Promise<Uint8Array | undefined> {
  // Without a hash a device confirms what its first processor runs.
  if (which === undefined && verb === 'confirm' && imageNumber === 0) return undefined
  const wanted =
    which !== undefined && existsSync(which) ? (await checkImageFile(which, [])).hash : which?.toLowerCase()
  const images = (await device.images()).filter(({ image, hash, active }) => {
    const fits =
      wanted === undefined
        ? active === (verb === 'confirm')
        : hash !== undefined && wanted.length >= 6 && hex(hash).startsWith(wanted)
    return image === imageNumber && fits
  })
  if (images.length === 1 && images[0]!.hash) return images[0]!.hash
  const missing =
    verb === 'confirm' ? 'there is not just one that runs' : 'there is not just one beside the one that runs'
  const why = wanted === undefined ? `of images ${imageNumber} ${missing}` : `no single image there is "${which}"`
  throw new FlashError('image-unreadable', `${why}: name it by its hash, as flash list shows it`)
}

const listed = (images: readonly DeviceImage[]) => ({ images: images.map(asJson) })
const asText = ({ images }: ReturnType<typeof listed>) => imageTable(images)

function asJson({ hash, ...image }: DeviceImage) {
  return { ...image, hash: hash ? hex(hash) : null }
}

function imageTable(images: readonly ReturnType<typeof asJson>[]): string {
  const rows = images.map(({ image, slot, version, hash, bootable, pending, confirmed, active, permanent }) => {
    const flags = Object.entries({ active, confirmed, pending, permanent, 'not bootable': !bootable })
    return [
      `${image}/${slot}`,
      version,
      hash?.slice(0, 16) ?? '–',
      flags.flatMap(([name, is]) => (is ? [name] : [])).join(' '),
    ]
  })
  return formatTable(['slot', 'version', 'hash', 'state'], rows)
}

function described({ name, bytes, version, hash, signatures, signedBy }: CheckedFile) {
  return { name, bytes: bytes.length, version, hash, signatures, signedBy: signedBy ?? null }
}

const seconds = (since: number) => Math.round((performance.now() - since) / 100) / 10

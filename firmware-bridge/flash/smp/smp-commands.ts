import { type Millis, Seconds } from '../../../ecg/units.js'
import { FlashError } from '../flash-error.js'
import type { SmpClient, SmpRequest } from './smp-client.js'
import { ImageCommand, OsCommand, type SmpBody, SmpGroup } from './smp-message.js'
import { isUnsupported } from './smp-result.js'

/** For a command that touches no flash. */
const ANSWER_WITHIN = Seconds(2.5)
/** Erasing a slot of 1 MB takes some parts this long. */
const ERASE_WITHIN = Seconds(40)
/** Setting an image writes, and on some servers erases, a trailer. */
const STATE_WITHIN = Seconds(10)
/** A command whose repetition changes nothing is sent so often before the device counts as silent. */
const ATTEMPTS = 3

/** What a server says about the messages that it takes; undefined where it does not say. */
export interface ServerParameters {
  readonly bufferSize: number
  readonly bufferCount: number
}

/** One image in a device, as "image state" tells it. */
export interface DeviceImage {
  readonly image: number
  readonly slot: number
  readonly version: string
  /** The hash inside the image (TLV 0x10), not the file's; undefined where the server does not tell. */
  readonly hash: Uint8Array | undefined
  readonly bootable: boolean
  readonly pending: boolean
  readonly confirmed: boolean
  readonly active: boolean
  readonly permanent: boolean
}

export interface DeviceSlot {
  readonly image: number
  readonly slot: number
  readonly size: number
}

/** The commands that flashing needs, each with the patience that it needs. */
export interface SmpCommands {
  echo(text: string): Promise<string>
  parameters(): Promise<ServerParameters | undefined>
  /** The parts that the server knows of `uname`'s: kernel, version, machine …; undefined where it does not tell. */
  info(format: string): Promise<string | undefined>
  /** "MCUboot" and its mode, where the server tells. */
  bootloader(): Promise<{ readonly name: string; readonly mode: number | undefined } | undefined>
  images(): Promise<readonly DeviceImage[]>
  slots(): Promise<readonly DeviceSlot[] | undefined>
  /** The image boots once; confirmed by itself it stays, otherwise the next reset returns to the one before. */
  test(hash: Uint8Array): Promise<readonly DeviceImage[]>
  /** The image stays; without a hash the one that runs. */
  confirm(hash?: Uint8Array): Promise<readonly DeviceImage[]>
  erase(slot?: number): Promise<void>
  /** One attempt: where only the answer was lost, a second reset would end the trial that the first one began. */
  reset(): Promise<void>
}

export function createSmpCommands(client: SmpClient): SmpCommands {
  async function ask(request: SmpRequest, within: Millis = ANSWER_WITHIN): Promise<SmpBody> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await client.ask(request, within)
      } catch (error) {
        const again = error instanceof FlashError && error.code === 'smp-silent' && attempt < ATTEMPTS
        if (!again) throw error
      }
    }
  }

  const os = (what: string, command: number, fields = {}, write = false) =>
    ask({ what, group: SmpGroup.Os, command, fields, write })
  const image = (what: string, command: number, fields = {}, write = false, within?: Millis) =>
    ask({ what, group: SmpGroup.Image, command, fields, write }, within)

  async function setState(what: string, hash: Uint8Array | undefined, confirm: boolean) {
    return imagesIn(await image(what, ImageCommand.State, { hash, confirm }, true, STATE_WITHIN))
  }

  return {
    async echo(text) {
      return String((await os('an echo', OsCommand.Echo, { d: text }, true)).get('r'))
    },
    parameters: () =>
      ifSupported(async () => {
        const body = await os('its parameters', OsCommand.Parameters)
        const [bufferSize, bufferCount] = [Number(body.get('buf_size')), Number(body.get('buf_count'))]
        return bufferSize > 0 && bufferCount > 0 ? { bufferSize, bufferCount } : undefined
      }),
    info: format => ifSupported(async () => String((await os('who it is', OsCommand.Info, { format })).get('output'))),
    bootloader: () =>
      ifSupported(async () => {
        const name = String((await os('its bootloader', OsCommand.Bootloader)).get('bootloader'))
        const mode = await ifSupported(() => os('the mode of its bootloader', OsCommand.Bootloader, { query: 'mode' }))
        return { name, mode: mode?.has('mode') ? Number(mode.get('mode')) : undefined }
      }),
    images: async () => imagesIn(await image('to list its images', ImageCommand.State)),
    slots: () => ifSupported(async () => slotsIn(await image('the sizes of its slots', ImageCommand.SlotInfo))),
    test: hash => setState('to test that image', hash, false),
    confirm: hash => setState('to confirm that image', hash, true),
    async erase(slot) {
      await image('to erase a slot', ImageCommand.Erase, { slot }, true, ERASE_WITHIN)
    },
    async reset() {
      const request = { what: 'a reset', group: SmpGroup.Os, command: OsCommand.Reset, fields: {}, write: true }
      await client.ask(request, ANSWER_WITHIN)
    },
  }
}

/** What a server leaves out is not an error. Some (os group) answer "no answer to that query" instead of "not supported". */
async function ifSupported<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (isUnsupported(error) || (error instanceof FlashError && error.code === 'smp-refused')) return undefined
    throw error
  }
}

function isListOfMaps(list: unknown): list is readonly SmpBody[] {
  return Array.isArray(list) && list.every(entry => entry instanceof Map)
}

function imagesIn(body: SmpBody): readonly DeviceImage[] {
  const list: unknown = body.get('images')
  if (!isListOfMaps(list))
    throw new FlashError(
      'smp-malformed',
      'the device answered "image state" without a list of images: update its firmware',
    )
  return list.map(entry => {
    const hash = entry.get('hash')
    const is = (key: string) => entry.get(key) === true
    return {
      image: Number(entry.get('image') ?? 0),
      slot: Number(entry.get('slot') ?? 0),
      version: String(entry.get('version') ?? '?'),
      hash: hash instanceof Uint8Array ? hash : undefined,
      bootable: is('bootable'),
      pending: is('pending'),
      confirmed: is('confirmed'),
      active: is('active'),
      permanent: is('permanent'),
    }
  })
}

function slotsIn(body: SmpBody): readonly DeviceSlot[] | undefined {
  const images: unknown = body.get('images')
  if (!isListOfMaps(images)) return undefined
  return images.flatMap(entry => {
    const slots: unknown = entry.get('slots')
    if (!isListOfMaps(slots)) return []
    return slots.map(slot => ({
      image: Number(entry.get('image') ?? 0),
      slot: Number(slot.get('slot') ?? 0),
      size: Number(slot.get('size') ?? 0),
    }))
  })
}

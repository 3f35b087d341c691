import { createHash } from 'node:crypto'
import { encode } from 'cborg'
import { Millis, Seconds } from '../../ecg/units.js'
import { FlashError } from './flash-error.js'
import type { SmpClient, SmpRequest } from './smp/smp-client.js'
import type { DeviceImage, ServerParameters } from './smp/smp-commands.js'
import { ImageCommand, SMP_HEADER_BYTES, type SmpBody, SmpGroup } from './smp/smp-message.js'
import { createUploadWindow, type UploadPart, type UploadWindow } from './upload-window.js'

/** The first part waits for the server to erase its slot. With a hash asking again is harmless, without one it erases again. */
const FIRST_WITHIN = Seconds(8)
const FIRST_WITHIN_WITHOUT_HASH = Seconds(40)
/** Later parts: so many times what the slowest answer lately took, within these bounds; doubled with each silence, up to the last. */
const TIMES_SLOWEST = 8
const SHORTEST_WITHIN = Seconds(0.5)
const PART_WITHIN = Seconds(2.5)
const LONGEST_WITHIN = Seconds(20)
/** How fast a slow answer is forgotten, with each one that follows. */
const FORGET = 0.9
const MOST_SILENCES = 8
const MOST_STALLS = 8
const MOST_RESTARTS = 8
/** Connections lost one after the other, none of which brought the image further than any before. */
const MOST_LOSSES = 8
/** A carrier that went away is opened again for so long. */
const REOPEN_WITHIN = Seconds(60)
/** Servers want the whole image header, 32 bytes, in the first part. */
const LEAST_FIRST_PART = 32
const LEAST_PART = 32
/** Beyond this no server gains, and a lost part costs more. */
const MOST_UNDER_WAY = 8

export interface UploadOptions {
  /** Which of a device's processors; 0 where there is one. */
  readonly imageNumber: number
  /** The hash inside the image, by which the device lists it. */
  readonly imageHash: Uint8Array
  readonly parameters: ServerParameters | undefined
  /** At most so many parts under way; 1 is stop-and-wait. */
  readonly mostUnderWay?: number
  progress?(bytes: number): void
  /** Something went wrong and is being mended. */
  trouble?(sentence: string): void
  /** How the device's images are now, where a lost last answer leaves that in doubt. */
  images(): Promise<readonly DeviceImage[]>
}

export interface UploadResult {
  /** The server compared the SHA-256 of the whole file; undefined where it does not. */
  readonly match: boolean | undefined
  readonly resentBytes: number
  readonly resumptions: number
}

/** Brings an image into the device's free slot, whatever happens to the cable meanwhile. */
export async function uploadImage(client: SmpClient, file: Uint8Array, options: UploadOptions): Promise<UploadResult> {
  const { parameters, imageHash } = options
  const limit = client.carrier.limit(parameters?.bufferSize)
  const sha = createHash('sha256').update(file).digest()
  const withHash = room(limit, firstFields(file.length, options.imageNumber, sha)) >= LEAST_FIRST_PART
  const first = firstFields(file.length, options.imageNumber, withHash ? sha : undefined)
  const window = createUploadWindow(file.length, {
    // One buffer stays for the answers.
    mostUnderWay: options.mostUnderWay ?? Math.min(Math.max((parameters?.bufferCount ?? 1) - 1, 1), MOST_UNDER_WAY),
    room: isFirst => room(limit, isFirst ? first : { off: file.length }),
    leastPart: LEAST_PART,
  })
  let match: boolean | undefined
  let failure: FlashError | undefined
  let resumptions = 0
  let farthest = 0
  let losses = 0
  let slowest: number | undefined
  let wake = () => {}

  function send(part: UploadPart) {
    const data = file.subarray(part.offset, part.offset + part.length)
    const fields = part.first ? { ...first, data } : { off: part.offset, data }
    const sent = performance.now()
    client.ask(request(fields), patience(part, window)).then(
      body => {
        if (!part.first) slowest = Math.max(performance.now() - sent, FORGET * (slowest ?? 0))
        const offset = Number(body.get('off'))
        if (!Number.isInteger(offset)) {
          failure = new FlashError('smp-malformed', 'the device answered an upload without saying how far it is')
        } else {
          match = verdict(body) ?? match
          window.answered(part.ticket, offset)
          options.progress?.(window.offset)
        }
        wake()
      },
      (error: FlashError) => {
        if (error.code === 'smp-silent') window.silent(part.ticket)
        else failure ??= error
        wake()
      },
    )
  }

  function patience(part: UploadPart, { silences }: UploadWindow): Millis {
    if (part.first) return withHash ? FIRST_WITHIN : FIRST_WITHIN_WITHOUT_HASH
    const usual = slowest === undefined ? PART_WITHIN : Math.max(TIMES_SLOWEST * slowest, SHORTEST_WITHIN)
    return Millis(Math.min(usual * 2 ** silences, LONGEST_WITHIN))
  }

  async function mend(error: FlashError) {
    if (error.code !== 'flash-link-lost') throw error
    losses = window.offset > farthest ? 0 : losses + 1
    farthest = Math.max(farthest, window.offset)
    if (losses > MOST_LOSSES) throw givenUp('goes away again and again before it has taken more of the image', error)
    options.trouble?.(error.message)
    await client.reopen(REOPEN_WITHIN)
    resumptions++
    window.resume()
  }

  let restartsSeen = 0
  while (!window.done) {
    const happened = new Promise<void>(resolve => {
      wake = resolve
    })
    for (let part = window.next(); part; part = window.next()) send(part)
    await happened
    if (failure) {
      const error = failure
      failure = undefined
      await mend(error)
    }
    if (window.restarts > restartsSeen) {
      restartsSeen = window.restarts
      // Either it was reset, or its last answer was lost and it has everything already.
      if ((await options.images()).some(image => sameHash(image.hash, imageHash))) break
      options.trouble?.('the device has forgotten what it had: beginning again')
      if (restartsSeen > MOST_RESTARTS) throw givenUp('forgets again and again what it was sent')
    }
    if (window.silences > MOST_SILENCES) throw givenUp('does not answer any more')
    if (window.stalls > MOST_STALLS) throw givenUp('answers, but takes no more of the image')
  }
  if (match === false) {
    throw new FlashError(
      'flash-hash-differs',
      'what arrived in the device is not what was sent (its SHA-256 differs): upload it again',
    )
  }
  return { match, resentBytes: window.resent, resumptions }
}

const request = (fields: Record<string, unknown>): SmpRequest => ({
  what: 'a part of the image',
  group: SmpGroup.Image,
  command: ImageCommand.Upload,
  write: true,
  fields,
})

function firstFields(length: number, image: number, sha: Uint8Array | undefined): Record<string, unknown> {
  // Image 0 is what a server takes where it is not said, and bytes are dear here.
  return { image: image === 0 ? undefined : image, len: length, off: 0, sha }
}

/** Bytes of data that fit a message beside these fields. */
function room(limit: number, fields: Record<string, unknown>): number {
  const around =
    SMP_HEADER_BYTES + encode({ ...fields, data: new Uint8Array(0) }, { ignoreUndefinedProperties: true }).length
  const bytes = limit - around
  // The head of a byte string: 1 byte up to 23, then 2, then 3.
  return bytes <= 23 ? bytes : bytes <= 256 ? bytes - 1 : bytes - 2
}

function verdict(body: SmpBody): boolean | undefined {
  const match = body.get('match')
  return typeof match === 'boolean' ? match : undefined
}

export function sameHash(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  return one !== undefined && other !== undefined && Buffer.compare(one, other) === 0
}

function givenUp(why: string, cause?: FlashError): FlashError {
  return new FlashError(
    cause?.code === 'flash-link-lost' ? 'flash-link-lost' : 'smp-silent',
    `the device ${why}: check its cable and power, then run the same command again, which goes on where it was`,
    cause,
  )
}

import { setTimeout as sleep } from 'node:timers/promises'
import { Millis, Seconds } from '../../ecg/units.js'
import { TransportError } from '../transport/transport-error.js'
import { FlashError } from './flash-error.js'
import type { EcgLinkSmpCarrier } from './smp/ecg-link-carrier.js'
import type { SmpClient } from './smp/smp-client.js'
import { createSmpCommands, type DeviceImage, type ServerParameters, type SmpCommands } from './smp/smp-commands.js'

/** A device whose firmware can be updated, its carrier open. */
export interface FlashDevice extends SmpCommands {
  readonly uri: string
  /** For people: "SMP in ECG Link". */
  readonly protocol: string
  readonly client: SmpClient
  /** As asked when it was opened. */
  readonly limits: ServerParameters | undefined
  /** Stops a stream for as long as `work` takes, and lets it go on afterwards, whatever became of the work. */
  paused<T>(work: () => Promise<T>): Promise<T>
  /** Whether it sends samples when asked to; undefined where this carrier cannot tell. */
  streams(): Promise<boolean | undefined>
  /**
   * Resets it and waits until it is back and has decided which image runs: the one of `hash`, or, when that is not waiting to be
   * tested any more, another one. Rejects where it does not come back.
   */
  restart(hash?: Uint8Array, withinMs?: Millis): Promise<readonly DeviceImage[]>
  close(): Promise<void>
}

/** MCUboot exchanges two slots of 1 MB in this time on slow flash. */
export const RESTART_WITHIN = Seconds(120)
/** A server answers a reset first and does it then (Zephyr: after 250 ms). */
const RESET_AFTER = 400
const LOOK_AGAIN_AFTER = 500
/** Of a reset that no image waits for, so that one more changes nothing. */
const RESET_ATTEMPTS = 3
const STREAMS_WITHIN = 10_000
const HELLO_WITHIN = 1_500

export async function createFlashDevice(
  uri: string,
  client: SmpClient,
  link?: EcgLinkSmpCarrier,
): Promise<FlashDevice> {
  const commands = createSmpCommands(client)
  const limits = await commands.parameters()

  async function paused<T>(work: () => Promise<T>): Promise<T> {
    const wasStreaming = link?.streaming() ?? false
    if (wasStreaming) link?.pause()
    try {
      return await work()
    } finally {
      if (wasStreaming) await link?.resume(HELLO_WITHIN)
    }
  }

  async function streams(): Promise<boolean | undefined> {
    if (!link) return undefined
    const before = link.streaming()
    const came = await link.resume(STREAMS_WITHIN)
    if (!before) link.pause()
    return came
  }

  /** Whether it has answered; where it has not, either way may have been lost. */
  async function askToReset(): Promise<boolean> {
    try {
      await commands.reset()
      return true
    } catch (error) {
      unlessGone(error)
      return false
    }
  }

  async function waiting(): Promise<Uint8Array | undefined> {
    try {
      return (await commands.images()).find(({ pending }) => pending)?.hash
    } catch (error) {
      unlessGone(error)
      return undefined
    }
  }

  async function restart(asked?: Uint8Array, withinMs = RESTART_WITHIN): Promise<readonly DeviceImage[]> {
    const hash = asked ?? (await waiting())
    const deadline = performance.now() + withinMs
    let heard = await askToReset()
    for (let attempt = 1; !hash && !heard && attempt < RESET_ATTEMPTS; attempt++) heard = await askToReset()
    await sleep(RESET_AFTER)
    let why: unknown
    while (performance.now() < deadline) {
      try {
        await client.reopen(Millis(Math.max(deadline - performance.now(), 0)))
        await link?.hello(HELLO_WITHIN)
        const images = await commands.images()
        const wanted = images.find(image => hash && image.hash && Buffer.compare(image.hash, hash) === 0)
        if (!hash || wanted?.active || !wanted?.pending) return images
        why = 'it has not reset itself yet'
        heard ||= await askToReset()
      } catch (error) {
        unlessGone(error)
        if (client.closed) throw error
        why = error
      }
      await sleep(LOOK_AGAIN_AFTER)
    }
    const reason = why instanceof Error ? why.message : String(why)
    throw new FlashError(
      'smp-silent',
      `the device did not come back within ${withinMs / 1000} s after its reset (${reason}): switch it off and on, then run the same command again`,
      why,
    )
  }

  return {
    ...commands,
    uri,
    protocol: client.carrier.name,
    client,
    limits,
    paused,
    streams,
    restart,
    close: () => client.close(),
  }
}

/** While a device starts anew its silence and its absence are no errors. */
function unlessGone(error: unknown) {
  const gone =
    error instanceof TransportError ||
    (error instanceof FlashError && ['smp-silent', 'flash-link-lost'].includes(error.code))
  if (!gone) throw error
}

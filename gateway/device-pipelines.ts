import { setTimeout as sleep } from 'node:timers/promises'
import { Microseconds, Millis, Seconds } from '../ecg/units.js'
import type { DeviceStream } from '../firmware-bridge/device-stream.js'
import { sharedInterval } from '../firmware-bridge/transport/shared-interval.js'
import { GATEWAY_DEVICE, TECHNICAL_CONDITIONS, type TechnicalKey } from './alerts/technical-conditions.js'
import { createDevicePipeline, type DevicePipeline, type PipelineParts } from './device-pipeline.js'
import type { WindowModel } from './window-assessor.js'

/**
 * Windows whose patience is over leave within this: a twentieth of the shortest hop that makes sense, or less. It is the interval
 * of the ECG Link devices, so that all of them and this wake the process together.
 */
const TICK = Millis(40)
/**
 * Devices are started one after another. A device's windows count from its START (spec/mqtt.md, `window`): a ward whose devices
 * start together completes all its windows at the same moment, and each waits for those before it, at every hop.
 */
const START_APART = Millis(50)
/** A device in whose place another answers, and that was seen nowhere for so long, was taken off for good. */
const GONE_AFTER = Seconds(30 * 60)

/** The paths of all devices of a gateway. */
export interface DevicePipelines {
  /** URIs of those that are not there. */
  waitingFor(): string[]
  start(): Promise<void>
  /** Another model takes over; see `DevicePipeline`. */
  use(model: WindowModel): void
  /** Tells the state of each again. */
  report(): void
  /** URIs of those whose samples no longer become assessments. */
  stuck(): string[]
  /** Ends the streams, and resolves when every window that had begun is assessed. */
  stop(): Promise<void>
}

export interface PipelinesParts extends Omit<PipelineParts, 'stream' | 'claim'> {
  /** Told of a device that was taken off for good, so that it is shown no longer either. */
  gone(device: string): void
}

export function createDevicePipelines(streams: readonly DeviceStream[], parts: PipelinesParts): DevicePipelines {
  const { monotonic } = parts
  /** Which device has which id: two that state the same one must not become one patient. */
  const holders = new Map<string, DevicePipeline>()
  /** By id, since when another device answers in its place. */
  const replaced = new Map<string, Microseconds>()
  const pipelines = streams.map((stream): DevicePipeline => {
    const pipeline: DevicePipeline = createDevicePipeline({
      ...parts,
      stream,
      claim(id) {
        if (id === GATEWAY_DEVICE) return 'the gateway itself'
        const holder = holders.get(id)
        if (holder !== undefined && holder !== pipeline) {
          if (holder.present) return holder.uri
          holder.leave(id)
        }
        for (const [held, by] of holders) {
          if (by !== pipeline || held === id) continue
          holders.delete(held)
          replaced.set(held, monotonic())
        }
        replaced.delete(id)
        holders.set(id, pipeline)
        return null
      },
    })
    return pipeline
  })
  let ticked = monotonic()
  /** After the event loop stood still, what arrived meanwhile is still to be read: windows wait for as long again. */
  let catchingUpUntil = ticked
  let endTicks = () => {}

  function tick(): void {
    const now = monotonic()
    const stoodStill = now - ticked - 1000 * TICK
    if (stoodStill > 1000 * TICK) catchingUpUntil = Microseconds(now + stoodStill)
    ticked = now
    for (const pipeline of pipelines) pipeline.tick(now, now < catchingUpUntil)
    forgetGone(now)
  }

  /** Or each patch that was ever worn would be told as lost until the gateway is started anew. */
  function forgetGone(now: Microseconds): void {
    for (const [id, since] of replaced) {
      if (now - since < 1000 * GONE_AFTER) return
      replaced.delete(id)
      for (const key of Object.keys(TECHNICAL_CONDITIONS) as TechnicalKey[]) parts.condition(id, key, null)
      parts.gone(id)
    }
  }

  return {
    waitingFor: () => pipelines.filter(({ present }) => !present).map(({ uri }) => uri),
    async start() {
      for (const [place, pipeline] of pipelines.entries()) {
        if (place > 0) await sleep(START_APART)
        pipeline.start()
      }
      ticked = monotonic()
      endTicks = sharedInterval(tick, TICK)
    },
    use(model) {
      for (const pipeline of pipelines) pipeline.use(model)
    },
    report() {
      for (const pipeline of pipelines) pipeline.report()
    },
    stuck: () => pipelines.filter(pipeline => pipeline.stuck(monotonic())).map(({ uri }) => uri),
    async stop() {
      endTicks()
      await Promise.all(pipelines.map(pipeline => pipeline.stop()))
    },
  }
}

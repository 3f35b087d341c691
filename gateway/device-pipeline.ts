import { type Electrode, electrodesFromBits } from '../ecg/leads.js'
import { Microseconds, Millis, SampleIndex } from '../ecg/units.js'
import {
  countedSince,
  type DeviceIdentity,
  type DeviceListener,
  type DeviceState,
  type DeviceStatus,
  type DeviceStream,
  type LinkCounters,
  noneCounted,
  type SampleBlock,
} from '../firmware-bridge/device-stream.js'
import type { TechnicalKey } from './alerts/technical-conditions.js'
import type { DeviceReport } from './mqtt/device-state-message.js'
import { createProgress } from './service/progress.js'
import type { EcgWindow } from './window/ecg-window.js'
import { WindowAssembler } from './window/window-assembler.js'
import { type AssessorParts, createWindowAssessor, tenths, type WindowModel } from './window-assessor.js'

/** How long a window waits for a late packet of a device that keeps nothing: carriers reorder, but not for long. */
const REORDER_PATIENCE = Millis(250)
/** … and of one that resends: asked within 200 ms, again after 1 s (spec/ecg-link.md, Behaviour 3), and the way back. */
const RESEND_PATIENCE = Millis(1500)
/** A state whose reason keeps changing is told no more often than this; the report every few seconds has the last one. */
const REASON_EVERY = Microseconds(5e6)
const NEVER = Microseconds(Number.NEGATIVE_INFINITY)

/** What one device's path needs, and where its results go. */
export interface PipelineParts extends Omit<AssessorParts, 'model'> {
  readonly stream: DeviceStream
  readonly model: WindowModel
  report(device: string, report: DeviceReport): void
  /** Told who the device is, at first contact and at each boot … */
  identified(identity: DeviceIdentity): void
  /** … and every block of it, which is borrowed. */
  samples(device: string, block: SampleBlock): void
  /** Takes this id, and no other, for this device. Answers where another one of the same id is present, or null when none is. */
  claim(id: string): string | null
}

/** One device's path from samples to assessments: windows, inference, and the device's own state. */
export interface DevicePipeline {
  readonly uri: string
  /** It has said who it is, and is still there. */
  readonly present: boolean
  start(): void
  /** The device of this id has been found elsewhere: from here nothing is told of it any more. */
  leave(id: string): void
  /** To be called a few times a second. Lets windows go whose patience is over, unless arrivals are still to be read. */
  tick(now: Microseconds, catchingUp?: boolean): void
  /** Samples come in, and no window has come out for far too long: only a restart can help. */
  stuck(now: Microseconds): boolean
  /** Another model takes over: for every window that goes out from now on, whenever its samples came. */
  use(model: WindowModel): void
  /** Tells the device's state again, with the counters as they are now. */
  report(): void
  /** Ends the stream, and resolves when every window that had begun is assessed. */
  stop(): Promise<void>
}

export function createDevicePipeline(parts: PipelineParts): DevicePipeline {
  const { stream, log } = parts
  let { model } = parts
  let identity: DeviceIdentity | null = null
  /** Says it is a device that is present elsewhere: not listened to, or two patients would be one to every subscriber. */
  let namesake: DeviceIdentity | null = null
  /** Was here, and has been found elsewhere since. */
  let away: DeviceIdentity | null = null
  let state: DeviceState = 'connecting'
  let reason = 'not yet opened'
  let status: DeviceStatus = {}
  /** Whom the stream counts for, and what it had counted before for others. */
  let counted: { readonly id: string; readonly before: LinkCounters } | null = null
  let electrodeBits = 0
  let electrodesOff: readonly Electrode[] = []
  let assembler: WindowAssembler | null = null
  /** One past the newest sample of this boot. */
  let newest: SampleIndex | null = null
  let stateTold = NEVER
  /** The reason has changed since the state was told. */
  let untold = false
  const progress = createProgress(parts.hop)
  const assessor = createWindowAssessor({
    ...parts,
    model: () => model,
    assessed(device, result) {
      progress.told(parts.monotonic())
      parts.assessed(device, result)
      assembler?.recycle(result.window)
    },
  })

  const listener: DeviceListener = {
    identified(next) {
      // Windows of the boot that ended go out as they are, while the stream still knows that boot's clock.
      endWindows()
      if (identity && identity.id !== next.id) replaced(`another device, ${next.id}, answers in its place`)
      else if (identity) log.warn({ device: next.id, boot: next.boot }, 'the device has rebooted')
      if (!refused(next)) adopt(next)
    },
    samples(block) {
      newest = SampleIndex(Math.max(newest ?? 0, block.first + block.count))
      if (block.electrodesOff !== electrodeBits && !block.retransmission) electrodesChanged(block)
      if (identity) parts.samples(identity.id, block)
      if (assembler === null) return
      progress.samples(parts.monotonic())
      assessAll(assembler.push(block))
    },
    state(next, why) {
      // One that comes back need not say again who it is.
      if (away && !isHere(state) && isHere(next) && !refused(away)) adopt(away)
      untold = true
      if (next !== state) stateTold = NEVER
      state = next
      reason = why
      tellState(parts.monotonic())
    },
    status(next) {
      status = next
      report()
    },
    event(kind, sample) {
      log.info({ device: identity?.id, kind, sample }, 'device event')
    },
  }

  function refused(next: DeviceIdentity): boolean {
    const elsewhere = parts.claim(next.id)
    if (elsewhere === null) return false
    identity = null
    away = null
    namesake = next
    assembler = null
    log.error(
      { device: next.id, uri: stream.uri },
      `a device with this id is already at ${elsewhere}: this one is not listened to; give one of them another id`,
    )
    return true
  }

  function replaced(why: string): void {
    condition('STREAM_STALLED', null)
    condition('DEVICE_LOST', why)
    report('lost', why)
  }

  function adopt(next: DeviceIdentity): void {
    identity = next
    away = null
    namesake = null
    if (counted?.id !== next.id)
      counted = { id: next.id, before: counted === null ? noneCounted() : { ...stream.counters } }
    newest = null
    status = {}
    electrodeBits = 0
    electrodesOff = []
    parts.identified(next)
    condition('ELECTRODES_OFF', null)
    untold = true
    stateTold = NEVER
    assembler = assemblerFor(next)
  }

  function tellState(now: Microseconds): void {
    if (!untold || now - stateTold < REASON_EVERY) return
    untold = false
    stateTold = now
    log.info({ device: identity?.id, uri: stream.uri, state }, reason)
    condition('STREAM_STALLED', state === 'stalled' ? reason : null)
    condition('DEVICE_LOST', state === 'lost' ? reason : null)
    report()
  }

  function assemblerFor({
    boot,
    rate,
    channels,
    lsb,
    retain,
    capabilities,
    id,
  }: DeviceIdentity): WindowAssembler | null {
    const resends = retain > 0 && capabilities.includes('resend')
    try {
      const assembler = new WindowAssembler({
        boot,
        rate,
        channels: channels.map(name => ({ name, lsb, baseline: 0 })),
        input: model.input,
        quality: model.quality,
        hop: parts.hop,
        patience: resends ? RESEND_PATIENCE : REORDER_PATIENCE,
      })
      condition('INFERENCE_FAILING', null)
      return assembler
    } catch (error) {
      // A rate or leads that the bundle was not made for: the device is shown, but not assessed.
      const detail = error instanceof Error ? error.message : String(error)
      log.error({ device: id }, detail)
      condition('INFERENCE_FAILING', detail)
      return null
    }
  }

  function electrodesChanged(block: SampleBlock): void {
    electrodeBits = block.electrodesOff
    electrodesOff = electrodesFromBits(electrodeBits)
    condition('ELECTRODES_OFF', electrodesOff.length > 0 ? `${electrodesOff.join(', ')} off` : null)
    report()
  }

  function assessAll(windows: readonly EcgWindow[], cutShort = false): void {
    if (identity) assessor.assess(identity.id, windows, cutShort)
  }

  function endWindows(cutShort = false): void {
    if (assembler) assessAll(assembler.close(), cutShort)
    assembler = null
    progress.reset()
  }

  /** About this device, as soon as it has said who it is; before that only the log knows of it. */
  function condition(key: TechnicalKey, detail: string | null): void {
    if (identity) parts.condition(identity.id, key, detail)
  }

  function report(as = state, because = reason): void {
    if (!identity) return
    const time = newest === null ? undefined : stream.timeOf(newest)
    const uncertaintyMs = time ? tenths(time.uncertaintyMs) : null
    const counters = countedSince(counted?.before ?? noneCounted(), stream.counters)
    const radio = stream.radio?.()
    const now = { state: as, reason: because }
    parts.report(identity.id, { ...now, identity, status, electrodesOff, counters, uncertaintyMs, radio })
  }

  return {
    uri: stream.uri,
    get present() {
      return identity !== null && isHere(state)
    },
    start: () => stream.start(listener),
    leave(id) {
      if (identity?.id !== id) return
      endWindows()
      away = identity
      identity = null
    },
    tick(now, catchingUp = false) {
      tellState(now)
      if (namesake && isHere(state) && parts.claim(namesake.id) === null) adopt(namesake)
      if (assembler && !catchingUp) assessAll(assembler.due(now))
    },
    stuck: progress.stuck,
    use(next) {
      const fits = assembler !== null && takesOver(assembler, next)
      // Windows that were begun go out as they are, to the model that they were begun for.
      if (!fits) endWindows(true)
      model = next
      if (!fits && identity) assembler = assemblerFor(identity)
    },
    report: () => report(),
    async stop() {
      await stream.stop()
      endWindows(true)
      await assessor.settled()
      state = 'lost'
      reason = 'the gateway was stopped'
      report()
    },
  }
}

/** Whether the windows under way can be made for the model just as well. */
function takesOver(assembler: WindowAssembler, { input, quality }: WindowModel): boolean {
  try {
    return assembler.use(input, quality)
  } catch {
    return false // said when the next assembler is made
  }
}

function isHere(state: DeviceState): boolean {
  return state === 'connected' || state === 'streaming' || state === 'stalled'
}

import { type Electrode, electrodesFromBits } from '../ecg/leads.js'
import { Microseconds, Millis, SampleIndex, UnixMillis } from '../ecg/units.js'
import type {
  DeviceIdentity,
  DeviceListener,
  DeviceState,
  DeviceStatus,
  DeviceStream,
  SampleBlock,
} from '../firmware-bridge/device-stream.js'
import type { Manifest } from '../models/bundle/manifest.js'
import type { AssessedWindow } from './alerts/assessed-window.js'
import { GATEWAY_DEVICE, type TechnicalKey } from './alerts/technical-conditions.js'
import type { Inference, InferenceEngine } from './inference/inference-engine.js'
import { InferenceError } from './inference/inference-error.js'
import type { DeviceReport } from './mqtt/device-state-message.js'
import type { Log } from './mqtt/log.js'
import type { EcgWindow } from './window/ecg-window.js'
import { WindowAssembler } from './window/window-assembler.js'

/** How long a window waits for a late packet of a device that keeps nothing: carriers reorder, but not for long. */
const REORDER_PATIENCE = Millis(250)
/** … and of one that resends: asked within 200 ms, again after 1 s (spec/ecg-link.md, Behaviour 3), and the way back. */
const RESEND_PATIENCE = Millis(1500)
/** A clock known worse than this, half-width of a 95 % interval, is reported. */
const CLOCK_LIMIT = Millis(500)

/** A state whose reason keeps changing is told no more often than this; the report every few seconds has the last one. */
const REASON_EVERY = Microseconds(5e6)
const NEVER = Microseconds(Number.NEGATIVE_INFINITY)

/** What one device's path needs, and where its results go. */
export interface PipelineParts {
  readonly stream: DeviceStream
  readonly input: Manifest['input']
  readonly taskIds: readonly string[]
  readonly hop: Millis
  readonly engine: InferenceEngine
  readonly log: Log
  /** Host monotonic clock. */
  monotonic(): Microseconds
  utc(): UnixMillis
  /** In the order of the windows, every window exactly once. */
  assessed(device: string, result: AssessedWindow): void
  condition(device: string, key: TechnicalKey, detail: string | null): void
  report(device: string, report: DeviceReport): void
}

/** One device's path from samples to assessments: windows, inference, and the device's own state. */
export interface DevicePipeline {
  start(): void
  /** Lets windows go whose patience is over. To be called a few times a second. */
  tick(now: Microseconds): void
  /** Tells the device's state again, with the counters as they are now. */
  report(): void
  /** Ends the stream, and resolves when every window that had begun is assessed. */
  stop(): Promise<void>
}

export function createDevicePipeline(parts: PipelineParts): DevicePipeline {
  const { stream, log } = parts
  let identity: DeviceIdentity | null = null
  let state: DeviceState = 'connecting'
  let reason = 'not yet opened'
  let status: DeviceStatus = {}
  let electrodeBits = 0
  let electrodesOff: readonly Electrode[] = []
  let assembler: WindowAssembler | null = null
  /** One past the newest sample of this boot. */
  let newest: SampleIndex | null = null
  let stateTold = NEVER
  /** The reason has changed since the state was told. */
  let untold = false
  /** Settles when all windows so far are assessed: results keep the order of the windows, whichever worker is faster. */
  let settled: Promise<void> = Promise.resolve()

  const listener: DeviceListener = {
    identified(next) {
      // Windows of the boot that ended go out as they are, while the stream still knows that boot's clock.
      endWindows()
      if (identity && identity.id !== next.id)
        condition('DEVICE_LOST', `another device, ${next.id}, answers in its place`)
      else if (identity) log.warn({ device: next.id, boot: next.boot }, 'the device has rebooted')
      identity = next
      newest = null
      electrodeBits = 0
      electrodesOff = []
      condition('ELECTRODES_OFF', null)
      assembler = assemblerFor(next)
    },
    samples(block) {
      newest = SampleIndex(Math.max(newest ?? 0, block.first + block.count))
      if (block.electrodesOff !== electrodeBits && !block.retransmission) electrodesChanged(block)
      if (assembler) assessAll(assembler.push(block))
    },
    state(next, why) {
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
        input: parts.input,
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

  function assessAll(windows: readonly EcgWindow[]): void {
    if (!identity) return
    for (const window of windows) {
      const { id } = identity
      const times = timesOf(window)
      const result = assess(window)
      settled = settled
        .then(async () => deliver(id, times, await result))
        .catch((error: unknown) => log.error({ device: id, error }, 'a window could not be reported'))
    }
  }

  function timesOf(window: EcgWindow): Pick<AssessedWindow, 'start' | 'end' | 'uncertaintyMs'> {
    const start = stream.timeOf(window.firstSample)
    const end = stream.timeOf(SampleIndex(window.firstSample + window.samples))
    if (start && end)
      return { start: start.utc, end: end.utc, uncertaintyMs: tenths(Math.max(start.uncertaintyMs, end.uncertaintyMs)) }
    const arrived = parts.utc() - (parts.monotonic() - window.completed) / 1000
    const length = (1000 * window.samples) / window.rate
    return { start: UnixMillis(arrived - length), end: UnixMillis(arrived), uncertaintyMs: null }
  }

  /** Never rejects: a window that got no answer is told as one without findings, and why. */
  async function assess(window: EcgWindow): Promise<Judgement> {
    if (window.quality === 'uninterpretable') return { window, inference: null, failure: null }
    try {
      const asked = parts.monotonic()
      const order = { patient: stream.uri, asked, due: Microseconds(asked + 1000 * parts.hop) }
      return { window, inference: await parts.engine.assess(window.signal, order), failure: null }
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error))
      const reasons = [...window.reasons, `it was not assessed: ${failure.message}`]
      return { window: { ...window, quality: 'uninterpretable', reasons }, inference: null, failure }
    }
  }

  function deliver(
    device: string,
    times: Pick<AssessedWindow, 'start' | 'end' | 'uncertaintyMs'>,
    { window, inference, failure }: Judgement,
  ): void {
    const overloaded = failure instanceof InferenceError && failure.code === 'PASSED_OVER'
    if (overloaded) parts.condition(device, 'INFERENCE_OVERLOADED', failure.message)
    else if (failure) parts.condition(device, 'INFERENCE_FAILING', failure.message)
    else if (inference)
      for (const key of ['INFERENCE_OVERLOADED', 'INFERENCE_FAILING'] as const) parts.condition(device, key, null)
    parts.condition(GATEWAY_DEVICE, 'PROVIDER_FALLBACK', parts.engine.fallback)
    parts.condition(
      device,
      'DATA_GAP',
      window.missing > 0 ? `${window.missing} of ${window.samples} samples never arrived` : null,
    )
    const { uncertaintyMs } = times
    const clockFault =
      uncertaintyMs === null
        ? 'the device’s clock is not known yet'
        : uncertaintyMs > CLOCK_LIMIT
          ? `the device’s clock is known to ±${Math.round(uncertaintyMs)} ms only`
          : null
    parts.condition(device, 'CLOCK_UNSYNCHRONISED', clockFault)
    parts.assessed(device, {
      window,
      ...times,
      taskIds: parts.taskIds,
      probabilities: inference?.probabilities ?? null,
      saliency: inference?.saliency,
      model: inference?.model ?? parts.engine.model,
      latencyMs: (parts.monotonic() - window.completed) / 1000,
    })
  }

  function endWindows(): void {
    if (assembler) assessAll(assembler.close())
    assembler = null
  }

  /** About this device, as soon as it has said who it is; before that only the log knows of it. */
  function condition(key: TechnicalKey, detail: string | null): void {
    if (identity) parts.condition(identity.id, key, detail)
  }

  function report(): void {
    if (!identity) return
    const time = newest === null ? undefined : stream.timeOf(newest)
    const uncertaintyMs = time ? tenths(time.uncertaintyMs) : null
    const { counters } = stream
    parts.report(identity.id, { state, reason, identity, status, electrodesOff, counters, uncertaintyMs })
  }

  return {
    start: () => stream.start(listener),
    tick(now) {
      tellState(now)
      if (assembler) assessAll(assembler.due(now))
    },
    report,
    async stop() {
      await stream.stop()
      endWindows()
      await settled
      state = 'lost'
      reason = 'the gateway was stopped'
      report()
    },
  }
}

interface Judgement {
  readonly window: EcgWindow
  readonly inference: Inference | null
  readonly failure: Error | null
}

/** Rounded up: an uncertainty may be overstated, never understated. */
function tenths(milliseconds: number): number {
  return Math.ceil(milliseconds * 10) / 10
}

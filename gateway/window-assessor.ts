import { Microseconds, Millis, SampleIndex, UnixMillis } from '../ecg/units.js'
import type { DeviceStream } from '../firmware-bridge/device-stream.js'
import type { Manifest } from '../models/bundle/manifest.js'
import type { QualityModel } from '../models/bundle/quality-model.js'
import type { AssessedWindow } from './alerts/assessed-window.js'
import { GATEWAY_DEVICE, type TechnicalKey } from './alerts/technical-conditions.js'
import type { Inference, InferenceEngine } from './inference/inference-engine.js'
import { InferenceError } from './inference/inference-error.js'
import type { Log } from './mqtt/log.js'
import type { EcgWindow } from './window/ecg-window.js'

/** A clock known worse than this, half-width of a 95 % interval, is reported. */
const CLOCK_LIMIT = Millis(500)

/** What makes answers of windows: another one when another bundle takes over. */
export interface WindowModel {
  readonly input: Manifest['input']
  /** Of the bundle, if it has one. */
  readonly quality?: QualityModel | undefined
  readonly taskIds: readonly string[]
  readonly engine: InferenceEngine
}

/** What windows need to become assessments, and where these go. */
export interface AssessorParts {
  readonly stream: Pick<DeviceStream, 'uri' | 'timeOf'>
  /** As it is when a window is handed over. */
  model(): WindowModel
  readonly hop: Millis
  readonly log: Log
  /** Host monotonic clock. */
  monotonic(): Microseconds
  utc(): UnixMillis
  /** In the order of the windows, every window exactly once; its signal is borrowed. */
  assessed(device: string, result: AssessedWindow): void
  condition(device: string, key: TechnicalKey, detail: string | null): void
}

/** One device's windows, each given its times now and its answer when there is one. */
export interface WindowAssessor {
  /** `cutShort`: by the gateway itself, so that what the windows lack is no gap in the data. */
  assess(device: string, windows: readonly EcgWindow[], cutShort?: boolean): void
  /** Resolves when every window so far is told. */
  settled(): Promise<void>
}

type Times = Pick<AssessedWindow, 'start' | 'end' | 'uncertaintyMs'>

interface Judgement {
  readonly model: WindowModel
  readonly window: EcgWindow
  readonly inference: Inference | null
  readonly failure: Error | null
}

export function createWindowAssessor(parts: AssessorParts): WindowAssessor {
  const { stream, log } = parts
  /** Results keep the order of the windows, whichever worker is faster. */
  let settled: Promise<void> = Promise.resolve()

  /** Never rejects: a window that got no answer is told as one without findings, and why. */
  async function judge(window: EcgWindow): Promise<Judgement> {
    const model = parts.model()
    if (window.quality === 'uninterpretable') return { model, window, inference: null, failure: null }
    try {
      const asked = parts.monotonic()
      const order = { patient: stream.uri, asked, due: Microseconds(asked + 1000 * parts.hop) }
      return { model, window, inference: await model.engine.assess(window.signal, order), failure: null }
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error))
      const reasons = [...window.reasons, `it was not assessed: ${failure.message}`]
      return { model, window: { ...window, quality: 'uninterpretable', reasons }, inference: null, failure }
    }
  }

  function timesOf(window: EcgWindow): Times {
    const start = stream.timeOf(window.firstSample)
    const end = stream.timeOf(SampleIndex(window.firstSample + window.samples))
    if (start && end)
      return { start: start.utc, end: end.utc, uncertaintyMs: tenths(Math.max(start.uncertaintyMs, end.uncertaintyMs)) }
    const arrived = parts.utc() - (parts.monotonic() - window.completed) / 1000
    const length = (1000 * window.samples) / window.rate
    return { start: UnixMillis(arrived - length), end: UnixMillis(arrived), uncertaintyMs: null }
  }

  function tell(
    device: string,
    times: Times,
    { model, window, inference, failure }: Judgement,
    cutShort: boolean,
  ): void {
    const { engine, taskIds } = model
    const overloaded = failure instanceof InferenceError && failure.code === 'PASSED_OVER'
    if (overloaded) parts.condition(device, 'INFERENCE_OVERLOADED', failure.message)
    else if (failure) parts.condition(device, 'INFERENCE_FAILING', failure.message)
    else if (inference)
      for (const key of ['INFERENCE_OVERLOADED', 'INFERENCE_FAILING'] as const) parts.condition(device, key, null)
    parts.condition(GATEWAY_DEVICE, 'PROVIDER_FALLBACK', engine.fallback)
    const { missing, samples } = window
    if (!cutShort)
      parts.condition(device, 'DATA_GAP', missing > 0 ? `${missing} of ${samples} samples never arrived` : null)
    parts.condition(device, 'CLOCK_UNSYNCHRONISED', clockFault(times.uncertaintyMs))
    parts.assessed(device, {
      window,
      ...times,
      taskIds,
      probabilities: inference?.probabilities ?? null,
      saliency: inference?.saliency,
      model: inference?.model ?? engine.model,
      latencyMs: (parts.monotonic() - window.completed) / 1000,
    })
  }

  return {
    assess(device, windows, cutShort = false) {
      for (const window of windows) {
        const times = timesOf(window)
        const judgement = judge(window)
        settled = settled
          .then(async () => tell(device, times, await judgement, cutShort))
          .catch((error: unknown) => log.error({ device, error }, 'a window could not be reported'))
      }
    },
    settled: () => settled,
  }
}

function clockFault(uncertaintyMs: number | null): string | null {
  if (uncertaintyMs === null) return 'the device’s clock is not known yet'
  if (uncertaintyMs <= CLOCK_LIMIT) return null
  return `the device’s clock is known to ±${Math.round(uncertaintyMs)} ms only`
}

/** Rounded up: an uncertainty may be overstated, never understated. */
export function tenths(milliseconds: number): number {
  return Math.ceil(milliseconds * 10) / 10
}

import { Seconds, type UnixMillis } from '../../ecg/units.js'
import type { Recording } from '../../firmware-bridge/recording/recording.js'
import type { AssessedWindow } from '../../gateway/alerts/assessed-window.js'
import { mapAssess } from '../../gateway/inference/map-assess.js'
import type { OfflineModel } from '../../gateway/offline-assessment.js'
import { recordingWindows } from '../../gateway/window/recording-windows.js'
import type { Patient } from './patient.js'

/** A patient's windows with the model's answers, once through: what any number of alert engines can be fed with. */
export interface Played {
  readonly patient: Patient
  readonly windows: readonly AssessedWindow[]
  /** Windows that the whole time on the gateway has; more than `windows` where the record is played again and again. */
  readonly count: number
}

export const WINDOW_SECONDS = 10

/** Also uninterpretable windows are assessed, so that the quality gate can be left out. */
export async function play(model: OfflineModel, patient: Patient, hopSeconds: number): Promise<Played> {
  const { engine, bundle } = model
  const { manifest, quality } = bundle
  const { recording, seconds } = patient
  const length = recording.samples / recording.rate
  const again = seconds !== undefined
  // One window more than the record has, so that the one across its end is there; after that all comes again.
  const source = again ? repeated(recording, length + WINDOW_SECONDS) : recording
  const taskIds = manifest.tasks.map(({ id }) => id)
  const windows: AssessedWindow[] = []
  const all = recordingWindows(source, manifest.input, Seconds(hopSeconds), quality)
  for await (const [window, inference] of mapAssess(engine, all, ({ signal }) => signal, engine.workers + 1))
    windows.push({
      window: { ...window, signal: NO_SIGNAL },
      start: 0 as UnixMillis,
      end: 0 as UnixMillis,
      uncertaintyMs: null,
      taskIds,
      probabilities: inference?.probabilities ?? null,
      model: engine.model,
      latencyMs: 0,
    })
  const period = again ? Math.round(length / hopSeconds) : windows.length
  const count = again ? Math.floor((seconds - WINDOW_SECONDS) / hopSeconds) + 1 : windows.length
  return { patient, windows: windows.slice(0, period), count }
}

const NO_SIGNAL = new Float32Array(0)

function repeated(recording: Recording, seconds: number): Recording {
  const samples = Math.round(seconds * recording.rate)
  const channels = recording.channels.map(channel => ({
    ...channel,
    counts: Int32Array.from({ length: samples }, (_, i) => channel.counts[i % recording.samples]!),
  }))
  return { ...recording, samples, channels }
}

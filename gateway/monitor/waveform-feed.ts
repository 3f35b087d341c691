import { Seconds } from '../../ecg/units.js'
import { encodeFrame } from './live/waveform-frame.js'
import type { PatientWaveform, Stretch } from './patient-waveform.js'

/** What a page gets at once when it begins to look, so that it need not begin with empty paper. */
const BACKLOG = Seconds(12)

/** Whoever takes frames. */
export interface FrameSink {
  frame(frame: ArrayBuffer): void
}

/**
 * Some leads of one patient, for everyone who looks at them: each frame is made once, and all sinks stand at the same sample.
 */
export class WaveformFeed<Sink extends FrameSink> {
  readonly sinks = new Set<Sink>()
  readonly #patient: number
  readonly #leads: readonly number[]
  readonly #waveform: PatientWaveform
  #sent: number

  constructor(patient: number, leads: readonly number[], waveform: PatientWaveform) {
    this.#patient = patient
    this.#leads = leads
    this.#waveform = waveform
    this.#sent = waveform.ring.end
  }

  /** Sends what has come since the last time; `patches` is what was filled behind. */
  flush(patches: readonly Stretch[]): void {
    const { ring } = this.#waveform
    const sent = this.#sent
    this.#sent = ring.end
    if (this.sinks.size === 0 || this.#leads.length === 0) return
    for (const { first, end } of patches) this.#tell(Math.max(first, ring.start), Math.min(end, sent))
    this.#tell(Math.max(sent, ring.start), ring.end)
  }

  /** The last seconds, up to where the others stand. */
  backlog(sink: Sink): void {
    const { ring, rate } = this.#waveform
    const first = Math.max(ring.start, this.#sent - Math.round((BACKLOG * rate) / 1000))
    if (first < this.#sent && this.#leads.length > 0) sink.frame(this.#encode(first, this.#sent))
  }

  #tell(first: number, end: number): void {
    if (first >= end) return
    const frame = this.#encode(first, end)
    for (const sink of this.sinks) sink.frame(frame)
  }

  #encode(first: number, end: number): ArrayBuffer {
    return encodeFrame(this.#patient, this.#leads, this.#waveform.ring, first, end)
  }
}

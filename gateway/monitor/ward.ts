import { type Lead, STANDARD_LEADS } from '../../ecg/leads.js'
import type { DeviceIdentity, SampleBlock } from '../../firmware-bridge/device-stream.js'
import type { AssessedWindow } from '../alerts/assessed-window.js'
import type { AssessmentMessage, DeviceStateMessage } from '../mqtt/messages.js'
import type { SeenWindow } from './alert-board.js'
import type { PatientMessage } from './live/live-messages.js'
import { PatientWaveform } from './patient-waveform.js'
import { createProbabilityTrend, type ProbabilityTrend } from './probability-trend.js'
import { type FrameSink, WaveformFeed } from './waveform-feed.js'

/** A device that keeps changing its id must not fill the memory: the one that has been silent longest goes. */
export const MOST_PATIENTS = 64

/** What is known of one device, and who looks at it. */
export interface Patient<Sink extends FrameSink> {
  readonly message: PatientMessage
  readonly waveform: PatientWaveform
  /** Of the boot before, for as long as windows of it may still come. */
  before: { readonly boot: number; readonly waveform: PatientWaveform } | null
  readonly allLeads: WaveformFeed<Sink>
  readonly wallLead: WaveformFeed<Sink>
  readonly trend: ProbabilityTrend
  state: DeviceStateMessage | null
  assessment: AssessmentMessage | null
  /** The last window, for the alerts that follow from it. */
  seen: SeenWindow | null
}

/** Every patient whose device has said who it is. No I/O: whoever has sinks decides when frames go out. */
export class Ward<Sink extends FrameSink> {
  readonly #patients = new Map<string, Patient<Sink>>()
  #numbers = 0

  get patients(): Iterable<Patient<Sink>> {
    return this.#patients.values()
  }

  patient(device: string): Patient<Sink> | undefined {
    return this.#patients.get(device)
  }

  /** First contact, or a new boot. Who looked at the old one looks at the new one. */
  identified(identity: DeviceIdentity): Patient<Sink> {
    const { id: device, boot, rate } = identity
    const before = this.#patients.get(device)
    this.#numbers = (this.#numbers + 1) % 2 ** 16
    const patient = this.#numbers
    const waveform = new PatientWaveform(identity)
    const { leads } = waveform
    const wallLead = leads.includes('II') ? 'II' : (leads[0] ?? null)
    const positions = (wanted: readonly Lead[]) => wanted.map(lead => STANDARD_LEADS.indexOf(lead))
    const made: Patient<Sink> = {
      message: { kind: 'patient', patient, device, boot, rate, leads, wallLead },
      waveform,
      before: before ? { boot: before.message.boot, waveform: before.waveform } : null,
      allLeads: new WaveformFeed(patient, positions(leads), waveform),
      wallLead: new WaveformFeed(patient, positions(wallLead === null ? [] : [wallLead]), waveform),
      trend: before?.trend ?? createProbabilityTrend(),
      state: before?.state ?? null,
      assessment: before?.assessment ?? null,
      seen: null,
    }
    for (const sink of before?.allLeads.sinks ?? []) made.allLeads.sinks.add(sink)
    for (const sink of before?.wallLead.sinks ?? []) made.wallLead.sinks.add(sink)
    this.#patients.set(device, made)
    return made
  }

  /** The device that has to go, when there are too many. */
  crowdedOut(): string | undefined {
    if (this.#patients.size <= MOST_PATIENTS) return undefined
    const silent = [...this.#patients.values()].find(({ state }) => state?.state === 'lost')
    const { device } = (silent ?? this.#patients.values().next().value!).message
    this.#patients.delete(device)
    return device
  }

  /** A window is told when its answer is there: the device may have said meanwhile that it is up again. */
  assessed(patient: Patient<Sink>, assessed: AssessedWindow): void {
    const { message, waveform, before } = patient
    const { boot, firstSample, samples } = assessed.window
    const { ring } = waveform
    const whole = firstSample >= ring.start && firstSample + samples <= ring.end
    if (boot === message.boot && (whole || before?.boot !== boot)) {
      patient.before = null
      patient.seen = { assessed, waveform }
    } else patient.seen = before?.boot === boot ? { assessed, waveform: before.waveform } : null
  }

  /** False: it was not there. */
  forget(device: string): boolean {
    return this.#patients.delete(device)
  }

  samples(device: string, block: SampleBlock): void {
    this.#patients.get(device)?.waveform.write(block)
  }

  /** Sends what has come to who looks. */
  flush(): void {
    for (const { waveform, allLeads, wallLead } of this.#patients.values()) {
      const patches = waveform.takePatches()
      allLeads.flush(patches)
      wallLead.flush(patches)
    }
  }
}

import { type Lead, STANDARD_LEADS } from '../../../ecg/leads.js'
import type { AssessmentMessage, DeviceStateMessage } from '../../mqtt/messages.js'
import { LeadRing } from '../live/lead-ring.js'
import type {
  GatewayHealth,
  LiveMessage,
  MonitoredAlert,
  MonitoredTask,
  PatientMessage,
  Welcome,
} from '../live/live-messages.js'
import type { WaveformFrame } from '../live/waveform-frame.js'
import { Playhead } from './playhead.js'

/** s. The longest paper is 20 s at 12.5 mm/s, and what is drawn plays behind what has come. */
const KEPT_SECONDS = 26
/** As many windows as the gateway's trend has. */
const TREND_WINDOWS = 240
const MOST_ENDED = 100

/** One patient, as much as this page has heard. */
export interface LivePatient {
  readonly about: PatientMessage
  readonly ring: LeadRing
  readonly playhead: Playhead
  /** Counts what came late into the part that may be drawn already. */
  patched: number
  state: DeviceStateMessage | null
  assessment: AssessmentMessage | null
  /** By task id, oldest first. */
  trend: Record<string, (number | null)[]>
}

/** What has changed. */
export type Topic = 'patients' | 'device' | 'assessment' | 'alerts' | 'health' | 'refused'

/** What the page knows. Told by the connection, looked at by the views. No DOM, no I/O. */
export class LiveState {
  welcome: Welcome | null = null
  health: GatewayHealth | null = null
  tasks: readonly MonitoredTask[] = []
  readonly patients = new Map<string, LivePatient>()
  readonly alerts = new Map<string, MonitoredAlert>()
  /** ms that the gateway's clock is ahead of this computer's. */
  #ahead = 0
  #byNumber = new Map<number, LivePatient>()
  readonly #watchers = new Set<(topic: Topic, message: LiveMessage) => void>()

  /** What the gateway's clock says, which alerts are told by: this computer's may be wrong. */
  now(): number {
    return Date.now() + this.#ahead
  }

  watch(heard: (topic: Topic, message: LiveMessage) => void): void {
    this.#watchers.add(heard)
  }

  apply(message: LiveMessage): void {
    const topic = this.#take(message)
    for (const heard of this.#watchers) heard(topic, message)
  }

  #take(message: LiveMessage): Topic {
    switch (message.kind) {
      case 'welcome':
        this.welcome = message
        this.patients.clear()
        this.alerts.clear()
        this.#byNumber = new Map()
        return 'patients'
      case 'tasks':
        this.tasks = message.tasks
        return 'assessment'
      case 'patient':
        this.#patient(message)
        return 'patients'
      case 'gone':
        this.#forget(message.device)
        return 'patients'
      case 'device': {
        const patient = this.patients.get(message.message.device)
        if (patient) patient.state = message.message
        return 'device'
      }
      case 'trend': {
        const patient = this.patients.get(message.device)
        if (patient) patient.trend = Object.fromEntries(Object.entries(message.tasks).map(([id, v]) => [id, [...v]]))
        return 'assessment'
      }
      case 'assessment':
        this.#assessment(message.message)
        return 'assessment'
      case 'alert':
        this.alerts.delete(message.alert.id)
        this.alerts.set(message.alert.id, message.alert)
        this.#forgetEnded()
        return 'alerts'
      case 'health':
        this.health = message
        this.#ahead = message.now - Date.now()
        return 'health'
      case 'refused':
        return 'refused'
    }
  }

  /** `now`: ms of the page's monotonic clock. */
  frame(frame: WaveformFrame, now: number): void {
    const patient = this.#byNumber.get(frame.patient)
    if (!patient) return
    const { ring, playhead } = patient
    const { first, count } = frame
    const known = ring.end
    const backlog = known === 0 || first + count - known > 5 * patient.about.rate
    ring.advance(first, first + count)
    const from = Math.max(first, ring.start)
    frame.leads.forEach((lead, i) => {
      const values = frame.values(i)
      for (let index = from; index < first + count; index++) ring.put(lead, index, values[index - first]!)
    })
    if (known > 0 && first < known) patient.patched++
    playhead.heard(ring.end, now, !backlog)
  }

  #forget(device: string): void {
    const patient = this.patients.get(device)
    if (patient) this.#byNumber.delete(patient.about.patient)
    this.patients.delete(device)
  }

  #patient(about: PatientMessage): void {
    const before = this.patients.get(about.device)
    this.#forget(about.device)
    const patient: LivePatient = {
      about,
      ring: new LeadRing(STANDARD_LEADS.length, Math.ceil(KEPT_SECONDS * about.rate)),
      playhead: new Playhead(about.rate),
      patched: 0,
      state: before?.state ?? null,
      assessment: before?.assessment ?? null,
      trend: before?.trend ?? {},
    }
    this.patients.set(about.device, patient)
    this.#byNumber.set(about.patient, patient)
  }

  #assessment(message: AssessmentMessage): void {
    const patient = this.patients.get(message.device)
    if (!patient) return
    // The gateway says the last one again to a page that has just come; its trend has it already.
    const fresh = patient.assessment !== null || Object.keys(patient.trend).length === 0
    patient.assessment = message
    if (!fresh) return
    for (const { id } of this.tasks) {
      patient.trend[id] ??= []
      const trend = patient.trend[id]
      trend.push(message.tasks[id as keyof typeof message.tasks] ?? null)
      if (trend.length > TREND_WINDOWS) trend.shift()
    }
  }

  #forgetEnded(): void {
    const ended = [...this.alerts.values()].filter(({ state }) => state === 'inactive')
    for (const { id } of ended.slice(0, Math.max(0, ended.length - MOST_ENDED))) this.alerts.delete(id)
  }
}

/** Leads that the device has but that an electrode makes unusable now. */
export function leadsOffNow({ state }: LivePatient): readonly Lead[] {
  const off = state?.electrodesOff ?? []
  if (off.some(name => name === 'RA' || name === 'LA' || name === 'LL')) return STANDARD_LEADS
  return STANDARD_LEADS.filter(lead => (off as readonly string[]).includes(lead))
}

import { STANDARD_LEADS } from '../../ecg/leads.js'
import type { AlertTransition } from '../alerts/alert.js'
import type { AssessedWindow } from '../alerts/assessed-window.js'
import { newestWithin } from '../alerts/newest-within.js'
import type { EvidenceAnswer, MonitoredAlert } from './live/live-messages.js'
import type { PatientWaveform } from './patient-waveform.js'

/** Alerts that ended and are still listed. */
const MOST_ENDED = 100
/** Of all windows that are kept for alerts; the oldest go first. Some 130 windows of a 500-Hz device. */
export const MOST_WINDOW_BYTES = 16 * 2 ** 20
const MICROVOLTS = 1000
/** Where no sample arrived; no front end gives 2 V. */
const ABSENT = -(2 ** 31)

interface KeptWindow {
  readonly alert: MonitoredAlert
  readonly about: EvidenceAnswer['window']
  /** µV. */
  readonly signal: ReadonlyMap<(typeof STANDARD_LEADS)[number], Int32Array>
  readonly bytes: number
}

/** The alerts that a page lists, and the ten seconds behind each. Pure. */
export interface AlertBoard {
  /** In the order of their last word. */
  readonly alerts: Iterable<MonitoredAlert>
  /** `seen`: the window that brought it about, when it was one. Answers what to tell pages. */
  add(transition: AlertTransition, seen: SeenWindow | null): MonitoredAlert
  evidence(id: string): EvidenceAnswer | undefined
}

/** A window, and the leads as the device gave them. */
export interface SeenWindow {
  readonly assessed: AssessedWindow
  readonly waveform: PatientWaveform
}

export function createAlertBoard(): AlertBoard {
  const alerts = new Map<string, MonitoredAlert>()
  const windows = newestWithin<KeptWindow>(MOST_WINDOW_BYTES)

  function forgetEnded(): void {
    const ended = [...alerts.values()].filter(({ state }) => state === 'inactive')
    for (const { id } of ended.slice(0, Math.max(0, ended.length - MOST_ENDED))) {
      alerts.delete(id)
      windows.delete(id)
    }
  }

  const shown = (alert: MonitoredAlert): MonitoredAlert => ({ ...alert, window: windows.has(alert.id) })

  return {
    get alerts() {
      return [...alerts.values()].map(shown)
    },
    add(transition, seen) {
      const { id } = transition
      // The window of the start says what was seen; later ones would show the end of an episode in its place.
      if (seen && transition.type !== 'ST' && !windows.has(id) && transition.state === 'active')
        windows.set(id, keptWindow({ ...transition, window: true }, seen.assessed, seen.waveform))
      const alert = { ...transition, window: windows.has(id) }
      alerts.delete(id)
      alerts.set(id, alert)
      forgetEnded()
      return alert
    },
    evidence(id) {
      const kept = windows.get(id)
      if (!kept) return undefined
      const signal = Object.fromEntries([...kept.signal].map(([lead, values]) => [lead, Array.from(values, orNull)]))
      return { alert: kept.alert, window: kept.about, signal }
    },
  }
}

const orNull = (value: number): number | null => (value === ABSENT ? null : value)

function keptWindow(
  alert: MonitoredAlert,
  { window, start, uncertaintyMs }: AssessedWindow,
  { ring, leads }: PatientWaveform,
): KeptWindow {
  const microvolts = new Int32Array(leads.length * window.samples)
  const signal = new Map(
    leads.map((lead, row) => {
      const position = STANDARD_LEADS.indexOf(lead)
      const values = microvolts.subarray(row * window.samples, (row + 1) * window.samples)
      for (let i = 0; i < values.length; i++) {
        const value = ring.at(position, window.firstSample + i)
        values[i] = Number.isNaN(value) ? ABSENT : Math.round(value * MICROVOLTS)
      }
      return [lead, values]
    }),
  )
  return {
    alert,
    about: {
      rate: window.rate,
      samples: window.samples,
      missing: window.missing,
      start,
      uncertaintyMs,
      leadsOff: window.leadsOff,
      leadsAbsent: window.leadsAbsent,
      quality: window.quality,
      reasons: window.reasons,
    },
    signal,
    bytes: microvolts.byteLength,
  }
}

import type { Lead } from '../../ecg/leads.js'
import type { Hertz } from '../../ecg/units.js'
import type { Manifest } from '../../models/bundle/manifest.js'
import type { AlertTransition } from './alert.js'
import type { AssessedWindow } from './assessed-window.js'

/** The ten seconds of ECG that started an alert, as the model saw them. */
export interface EvidenceWindow {
  /** As it was when it started. */
  readonly alert: AlertTransition
  /** Of the bundle's input, which need not be the device's. */
  readonly rate: Hertz
  /** In each lead. */
  readonly samples: number
  /** µV. Null: the lead could not be used, or the device has none. */
  readonly leads: ReadonlyMap<Lead, Int16Array | null>
}

const MICROVOLTS_PER_MILLIVOLT = 1000
const INT16_MAX = 0x7fff

/** A copy; the window's own memory is free to be used again. */
export function evidenceWindow(
  alert: AlertTransition,
  { window }: AssessedWindow,
  input: Pick<Manifest['input'], 'leads' | 'samples' | 'rate'>,
): EvidenceWindow {
  const { samples } = input
  const unusable = new Set([...window.leadsOff, ...window.leadsAbsent])
  const leads = input.leads.map((lead, index): [Lead, Int16Array | null] => {
    const millivolts = window.signal.subarray(index * samples, (index + 1) * samples)
    // A lead whose channel was at fault is all zero (`EcgWindow.signal`).
    const usable = !unusable.has(lead) && millivolts.some(value => value !== 0)
    return [lead, usable ? microvolts(millivolts) : null]
  })
  return { alert, rate: input.rate as Hertz, samples, leads: new Map(leads) }
}

/** Beyond ±32 mV, which no heart reaches, it is clipped. */
function microvolts(millivolts: Float32Array): Int16Array {
  return Int16Array.from(millivolts, value =>
    Math.max(-INT16_MAX, Math.min(INT16_MAX, Math.round(value * MICROVOLTS_PER_MILLIVOLT))),
  )
}

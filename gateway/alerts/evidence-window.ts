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
  /** Of memory, for as long as it is kept. */
  readonly bytes: number
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
  // One block, not twelve small ones that would keep each other's neighbourhood in memory when they are forgotten.
  const counts = new Int16Array(input.leads.length * samples)
  const leads = input.leads.map((lead, index): [Lead, Int16Array | null] => {
    const [first, end] = [index * samples, (index + 1) * samples]
    const millivolts = window.signal.subarray(first, end)
    // A lead whose channel was at fault is all zero (`EcgWindow.signal`).
    const usable = !unusable.has(lead) && millivolts.some(value => value !== 0)
    return [lead, usable ? microvolts(millivolts, counts.subarray(first, end)) : null]
  })
  return { alert, rate: input.rate as Hertz, samples, leads: new Map(leads), bytes: counts.byteLength }
}

/** Into `counts`. Beyond ±32 mV, which no heart reaches, it is clipped. */
function microvolts(millivolts: Float32Array, counts: Int16Array): Int16Array {
  for (let i = 0; i < counts.length; i++)
    counts[i] = Math.max(-INT16_MAX, Math.min(INT16_MAX, Math.round(millivolts[i]! * MICROVOLTS_PER_MILLIVOLT)))
  return counts
}

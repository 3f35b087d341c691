import type { Lead } from '../../ecg/leads.js'
import type { Hertz, Microseconds, SampleIndex } from '../../ecg/units.js'

/** good: use as it is · degraded: something is missing, and the window says what · uninterpretable: no finding may come from it. */
export type WindowQuality = 'good' | 'degraded' | 'uninterpretable'

/** Ten seconds of one device, ready for the model. Plain data: it crosses to workers as it is. */
export interface EcgWindow {
  /** Counts from 0 since the device's boot; also counts windows that were lost whole. */
  readonly index: number
  readonly boot: number
  /** The device's own index of the first sample, at the device's own rate. */
  readonly firstSample: SampleIndex
  /** Samples that a whole window has, at the device's own rate. */
  readonly samples: number
  readonly rate: Hertz
  /** How many of `samples` never arrived. */
  readonly missing: number
  /** Leads that an electrode made unusable at any time in the window. */
  readonly leadsOff: readonly Lead[]
  /** Leads that the device does not have and that do not follow from those it has. */
  readonly leadsAbsent: readonly Lead[]
  /** Leads whose channel a hard rule found unfit. */
  readonly leadsFaulty: readonly Lead[]
  /** Leads that the bundle's quality model is sure cannot be read. Acute tasks do without them; no task that needs them is judged. */
  readonly leadsUnreadable: readonly Lead[]
  /** 0 … 1, how readable the quality model finds each usable lead; none without such a model. */
  readonly leadScores: Readonly<Partial<Record<Lead, number>>>
  readonly quality: WindowQuality
  /** 0 … 1; 1 = nothing to object to. */
  readonly qualityScore: number
  /** Why it is not `good`, one short sentence each; empty when it is. */
  readonly reasons: readonly string[]
  /**
   * mV, lead-major (`leads × samples` of the bundle's input, in the bundle's lead order and rate). A lead that cannot be used
   * is all zero. Missing stretches are bridged by a straight line and counted in `missing`. A device's is borrowed: once the window
   * is told, its memory may be that of a later one.
   */
  readonly signal: Float32Array
  /** Host monotonic time at which the packet that completed the window arrived: where its latency counts from. */
  readonly completed: Microseconds
}

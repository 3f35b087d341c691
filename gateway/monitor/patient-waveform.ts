import { type Lead, leadsOff, STANDARD_LEADS } from '../../ecg/leads.js'
import { Seconds } from '../../ecg/units.js'
import type { DeviceIdentity, SampleBlock } from '../../firmware-bridge/device-stream.js'
import { MISSING_COUNT } from '../../firmware-bridge/recording/recording.js'
import { type PlannedLead, planLeads } from '../window/lead-plan.js'
import { LeadRing } from './live/lead-ring.js'

/** A window is behind an alert when it is at most this old: ten seconds, the patience of its gaps, and the wait for a model. */
export const KEPT = Seconds(20)
/** Stretches that were filled late and are still to be told; more become one. */
const MOST_PATCHES = 16

export interface Stretch {
  readonly first: number
  readonly end: number
}

/** One boot of one device as the page shows it: twelve leads in mV, as they come, unfiltered, gaps left as gaps. */
export class PatientWaveform {
  readonly rate: number
  /** Those that can be shown. */
  readonly leads: readonly Lead[]
  readonly ring: LeadRing
  readonly #plan: readonly PlannedLead[]
  readonly #lsb: number
  #patches: Stretch[] = []

  constructor({ rate, channels, lsb }: Pick<DeviceIdentity, 'rate' | 'channels' | 'lsb'>) {
    this.rate = rate
    this.#lsb = lsb
    this.#plan = planLeads(channels, STANDARD_LEADS)
    this.leads = this.#plan.filter(({ terms }) => terms.length > 0).map(({ lead }) => lead)
    this.ring = new LeadRing(STANDARD_LEADS.length, Math.ceil((KEPT * rate) / 1000))
  }

  write(block: SampleBlock): void {
    const { ring } = this
    const known = ring.end
    const end = block.first + block.count
    ring.advance(block.first, end)
    const first = Math.max(block.first, ring.start)
    const off = leadsOff(block.electrodesOff)
    this.#plan.forEach(({ lead, terms }, position) => {
      if (terms.length === 0 || off.includes(lead)) return
      for (let index = first; index < end; index++) {
        const row = (index - block.first) * block.channels
        let value = 0
        for (const { channel, weight } of terms) {
          const count = block.values[row + channel]!
          value += count === MISSING_COUNT ? Number.NaN : weight * count
        }
        ring.put(position, index, value * this.#lsb)
      }
    })
    if (first < known && known > 0) this.#patch({ first, end: Math.min(end, known) })
  }

  /** What was filled behind the newest sample since this was last asked. */
  takePatches(): readonly Stretch[] {
    const patches = this.#patches
    this.#patches = []
    return patches
  }

  #patch(stretch: Stretch): void {
    this.#patches.push(stretch)
    if (this.#patches.length <= MOST_PATCHES) return
    const first = Math.min(...this.#patches.map(({ first }) => first))
    const end = Math.max(...this.#patches.map(({ end }) => end))
    this.#patches = [{ first, end }]
  }
}

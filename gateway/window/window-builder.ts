import { type Lead, leadsOff } from '../../ecg/leads.js'
import { type Hertz, type Microseconds, type Millivolts, SampleIndex } from '../../ecg/units.js'
import type { Manifest } from '../../models/bundle/manifest.js'
import { bridgeGaps } from './bridge-gaps.js'
import type { EcgWindow } from './ecg-window.js'
import { type PlannedLead, planLeads } from './lead-plan.js'
import { type ChannelFacts, channelFacts, judge } from './quality.js'
import { type Polyphase, polyphase } from './resampling.js'
import type { ChannelScale, SampleRing } from './sample-ring.js'
import { WindowError } from './window-error.js'
import { WindowResampler } from './window-resampler.js'

/** A channel of a device or of a record. */
export interface DeviceChannel {
  readonly name: string
  readonly lsb: Millivolts
  /** Count that stands for 0 mV. */
  readonly baseline: number
}

/** What windows are cut from, and what they are cut for. */
export interface WindowSource {
  readonly boot: number
  readonly rate: Hertz
  readonly channels: readonly DeviceChannel[]
  readonly input: Manifest['input']
}

interface KeptChannel extends ChannelScale {
  readonly name: string
  readonly raw: Float32Array
  readonly resampler: WindowResampler
}

/** From the raw samples of one window to what the model is given: a pure function of these samples. */
export class WindowBuilder {
  /** Samples of a window at the device's rate. */
  readonly samples: number
  /** The channels that leads are made of; all others are not even stored. */
  readonly kept: readonly ChannelScale[]
  readonly #source: WindowSource
  readonly #plan: readonly PlannedLead[]
  readonly #channels: readonly KeptChannel[]
  readonly #absent: readonly Lead[]

  constructor(source: WindowSource) {
    const { rate, channels, input } = source
    const filter = filterFor(rate, input)
    this.samples = Math.round((input.samples * rate) / input.rate)
    this.#source = source
    const plan = planLeads(
      channels.map(({ name }) => name),
      input.leads,
    )
    // In the device's order, so that what is kept does not depend on the order of the bundle's leads.
    const used = [...new Set(plan.flatMap(({ terms }) => terms.map(({ channel }) => channel)))].sort((a, b) => a - b)
    if (used.length === 0) {
      const names = channels.map(({ name }) => name).join(', ')
      throw new WindowError('no-lead', `None of the channels (${names}) is a lead that the bundle knows.`)
    }
    this.#channels = used.map(channel => ({
      ...channels[channel]!,
      channel,
      raw: new Float32Array(this.samples),
      resampler: new WindowResampler(filter, input.samples),
    }))
    this.kept = this.#channels
    this.#plan = plan.map(({ lead, terms }) => ({
      lead,
      terms: terms.map(({ channel, weight }) => ({ channel: used.indexOf(channel), weight })),
    }))
    this.#absent = plan.filter(({ terms }) => terms.length === 0).map(({ lead }) => lead)
  }

  build(ring: SampleRing, index: number, first: number, completed: Microseconds): EcgWindow {
    const { boot, rate, input } = this.#source
    const stretch = ring.facts(first, this.samples)
    const off = leadsOff(stretch.electrodesOff)
    const facts = this.#channels.map(({ raw }, k) => {
      ring.read(k, first, raw)
      return channelFacts(raw, rate)
    })
    const usable = this.#plan.map(
      ({ lead, terms }) =>
        terms.length > 0 && !off.includes(lead) && !terms.some(({ channel }) => facts[channel]!.fault),
    )
    const verdict = judge({
      ...stretch,
      samples: this.samples,
      rate,
      leads: usable.length,
      usable: usable.filter(Boolean).length,
      minimumLeads: input.minimumLeads,
      leadsOff: off,
      leadsAbsent: this.#absent,
      faults: this.#channels.flatMap(({ name }, k) => {
        const { fault, missing } = facts[k]!
        if (fault) return `Channel ${name} ${fault}: ${this.#leadsOf(k).join(', ')} cannot be used.`
        return missing > stretch.missing ? `Channel ${name} lacks ${missing} of ${this.samples} samples.` : []
      }),
    })
    return {
      index,
      boot,
      firstSample: SampleIndex(first),
      samples: this.samples,
      rate,
      missing: stretch.missing,
      leadsOff: off,
      leadsAbsent: this.#absent,
      quality: verdict.quality,
      qualityScore: verdict.score,
      reasons: verdict.reasons,
      signal: this.#signal(first, usable, facts),
      completed,
    }
  }

  /** The same for another bundle; null where that needs other channels or windows of another length. */
  for(input: Manifest['input']): WindowBuilder | null {
    const next = new WindowBuilder({ ...this.#source, input })
    const same =
      next.kept.length === this.kept.length && next.kept.every((it, k) => it.channel === this.kept[k]!.channel)
    return same && next.samples === this.samples ? next : null
  }

  /** Leads that need kept channel `k`. */
  #leadsOf(k: number): Lead[] {
    return this.#plan.filter(({ terms }) => terms.some(({ channel }) => channel === k)).map(({ lead }) => lead)
  }

  /** Resamples the fit channels and makes the usable leads of them; the others stay zero. */
  #signal(first: number, usable: readonly boolean[], facts: readonly ChannelFacts[]): Float32Array {
    const { samples, leads } = this.#source.input
    const signal = new Float32Array(leads.length * samples)
    const resampled = this.#channels.map(({ raw, resampler }, k) => {
      const { missing, fault } = facts[k]!
      if (fault) return undefined
      if (missing > 0) bridgeGaps(raw)
      return resampler.resample(raw, first, missing === 0)
    })
    this.#plan.forEach(({ terms: [a, b] }, row) => {
      if (!usable[row]) return
      const out = signal.subarray(row * samples, (row + 1) * samples)
      const [ya, yb] = [resampled[a!.channel]!, b && resampled[b.channel]!]
      if (!b || !yb) out.set(ya)
      else for (let m = 0; m < samples; m++) out[m] = a!.weight * ya[m]! + b.weight * yb[m]!
    })
    return signal
  }
}

/** The bundle's filter for a device rate; undefined where none is needed. */
function filterFor(rate: Hertz, input: Manifest['input']): Polyphase | undefined {
  if (rate === input.rate) return undefined
  const resampling = input.resampling.find(({ from }) => from === rate)
  if (!resampling) {
    const accepted = [input.rate, ...input.resampling.map(({ from }) => from)].join(', ')
    throw new WindowError('unsupported-rate', `The bundle cannot use ${rate} Hz; it accepts ${accepted} Hz.`)
  }
  const { up, down } = resampling
  if (Math.abs((rate * up) / down - input.rate) > 1e-6)
    throw new WindowError('bad-resampling', `The bundle's filter for ${rate} Hz does not lead to ${input.rate} Hz.`)
  return polyphase(resampling)
}

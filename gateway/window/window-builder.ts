import { type Lead, leadsOff } from '../../ecg/leads.js'
import { type Hertz, type Microseconds, type Millivolts, SampleIndex } from '../../ecg/units.js'
import type { Manifest } from '../../models/bundle/manifest.js'
import type { QualityModel } from '../../models/bundle/quality-model.js'
import { bridgeGaps } from './bridge-gaps.js'
import type { EcgWindow } from './ecg-window.js'
import { type PlannedLead, planLeads } from './lead-plan.js'
import { type ChannelFacts, channelFacts, judge } from './quality.js'
import { readability, unreadable } from './readability.js'
import { type Polyphase, polyphase } from './resampling.js'
import type { ChannelScale, SampleLine } from './sample-line.js'
import { WindowError } from './window-error.js'
import { WindowResampler } from './window-resampler.js'

/** Windows of one device that are assessed at a time and then done with: more are rare, and collected as garbage. */
const MOST_SPARE = 2

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
  readonly quality?: QualityModel | undefined
}

interface KeptChannel extends ChannelScale {
  readonly name: string
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
  /** Memory of signals that are done with. */
  readonly #spare: Float32Array[] = []

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
      resampler: new WindowResampler(filter, input.samples),
    }))
    this.kept = this.#channels
    this.#plan = plan.map(({ lead, terms }) => ({
      lead,
      terms: terms.map(({ channel, weight }) => ({ channel: used.indexOf(channel), weight })),
    }))
    this.#absent = plan.filter(({ terms }) => terms.length === 0).map(({ lead }) => lead)
  }

  build(line: SampleLine, index: number, first: number, completed: Microseconds): EcgWindow {
    const { boot, rate, input } = this.#source
    const stretch = line.facts(first, this.samples)
    const off = leadsOff(stretch.electrodesOff)
    const raw = this.#channels.map((_, k) => line.view(k, first, this.samples))
    const facts = raw.map(x => channelFacts(x, rate))
    const resampled = this.#resample(first, raw, facts)
    const fit = this.#usable(off, k => facts[k]!.fault === undefined)
    const opinion = this.#opinion(resampled, facts, fit)
    const usable = this.#usable(off, k => facts[k]!.fault === undefined && !opinion.unreadable[k])
    const verdict = judge({
      ...stretch,
      samples: this.samples,
      rate,
      leads: usable.length,
      usable: count(usable),
      minimumLeads: input.minimumLeads,
      leadsOff: off,
      leadsAbsent: this.#absent,
      readability: opinion.window,
      faults: [
        ...this.#channels.flatMap(({ name }, k) => {
          const { fault, missing } = facts[k]!
          if (fault) return `Channel ${name} ${fault}: ${this.#leadsOf(k).join(', ')} cannot be used.`
          if (opinion.unreadable[k])
            return `Channel ${name} is unreadable: ${this.#leadsOf(k).join(', ')} cannot be used.`
          return missing > stretch.missing ? `Channel ${name} lacks ${missing} of ${this.samples} samples.` : []
        }),
        ...opinion.objections,
      ],
    })
    const leadsWhere = (holds: (row: number) => boolean) =>
      this.#plan.flatMap(({ lead, terms }, row) => (terms.length > 0 && !off.includes(lead) && holds(row) ? lead : []))
    return {
      index,
      boot,
      firstSample: SampleIndex(first),
      samples: this.samples,
      rate,
      missing: stretch.missing,
      leadsOff: off,
      leadsAbsent: this.#absent,
      leadsFaulty: leadsWhere(row => !fit[row]),
      leadsUnreadable: leadsWhere(row => fit[row]! && !usable[row]),
      leadScores: opinion.leads,
      quality: verdict.quality,
      qualityScore: verdict.score,
      reasons: verdict.reasons,
      signal: this.#signal(usable, resampled),
      completed,
    }
  }

  /** The window is done with, and nobody holds its signal: a window to come may have its memory. Once for each at most. */
  recycle({ signal }: EcgWindow): void {
    const { samples, leads } = this.#source.input
    if (signal.length === leads.length * samples && this.#spare.length < MOST_SPARE) this.#spare.push(signal)
  }

  /** The same for another bundle; null where that needs other channels or windows of another length. */
  for(input: Manifest['input'], quality: QualityModel | undefined): WindowBuilder | null {
    const next = new WindowBuilder({ ...this.#source, input, quality })
    const same =
      next.kept.length === this.kept.length && next.kept.every((it, k) => it.channel === this.kept[k]!.channel)
    return same && next.samples === this.samples ? next : null
  }

  /** Leads that need kept channel `k`. */
  #leadsOf(k: number): Lead[] {
    return this.#plan.filter(({ terms }) => terms.some(({ channel }) => channel === k)).map(({ lead }) => lead)
  }

  /** Which leads are there, on the skin, and made of fit channels only. */
  #usable(off: readonly Lead[], fit: (channel: number) => boolean): boolean[] {
    return this.#plan.map(
      ({ lead, terms }) => terms.length > 0 && !off.includes(lead) && terms.every(({ channel }) => fit(channel)),
    )
  }

  /** The quality model's, of the channels that leads are made of and of which nothing is missing. It never takes the last leads. */
  #opinion(
    resampled: readonly (Float32Array | undefined)[],
    facts: readonly ChannelFacts[],
    fit: readonly boolean[],
  ): Opinion {
    const { quality, input } = this.#source
    const asked = this.#channels.flatMap((_, k) =>
      facts[k]!.missing === 0 && this.#plan.some(({ terms }, row) => fit[row] && terms.some(it => it.channel === k))
        ? k
        : [],
    )
    if (!quality || asked.length === 0) return NO_OPINION
    const found = readability(
      quality,
      asked.map(k => resampled[k]!),
    )
    const flagged = unreadable(quality, found)
    const lost = this.#channels.map((_, k) => flagged[asked.indexOf(k)] ?? false)
    const left = this.#plan.filter(({ terms }, row) => fit[row] && !terms.some(({ channel }) => lost[channel]))
    const scores = new Map(asked.map((k, at) => [k, found.channels[at]!]))
    const worst = asked[found.channels.indexOf(Math.min(...found.channels))]!
    const low = found.window < quality.thresholds.window.value
    return {
      window: found.window,
      leads: Object.fromEntries(
        this.#plan.flatMap(({ lead, terms }, row) =>
          fit[row] ? [[lead, rounded(Math.min(...terms.map(({ channel }) => scores.get(channel) ?? 1)))]] : [],
        ),
      ),
      unreadable: left.length >= input.minimumLeads ? lost : [],
      objections: low ? [`The signal is disturbed, most of all ${this.#channels[worst]!.name}.`] : [],
    }
  }

  /** The fit channels at the bundle's rate, with straight lines for what is missing; borrowed until the next window. */
  #resample(first: number, raw: readonly Float32Array[], facts: readonly ChannelFacts[]): (Float32Array | undefined)[] {
    return this.#channels.map(({ resampler }, k) => {
      const { missing, fault } = facts[k]!
      if (fault) return undefined
      return resampler.resample(missing > 0 ? bridgeGaps(raw[k]!) : raw[k]!, first, missing === 0)
    })
  }

  /** The usable leads from their channels; the others stay zero. */
  #signal(usable: readonly boolean[], resampled: readonly (Float32Array | undefined)[]): Float32Array {
    const { samples, leads } = this.#source.input
    const signal = this.#spare.pop()?.fill(0) ?? new Float32Array(leads.length * samples)
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

/** What a quality model thinks of a window. */
interface Opinion {
  readonly window: number
  readonly leads: EcgWindow['leadScores']
  /** By channel. */
  readonly unreadable: readonly boolean[]
  readonly objections: readonly string[]
}

const NO_OPINION: Opinion = { window: 1, leads: {}, unreadable: [], objections: [] }

const count = (flags: readonly boolean[]): number => flags.filter(Boolean).length
const rounded = (score: number): number => Math.round(score * 1000) / 1000

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

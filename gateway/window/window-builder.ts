import { type Lead, leadsOff } from '../../ecg/leads.js'
import { type Hertz, type Microseconds, type Millivolts, SampleIndex } from '../../ecg/units.js'
import type { Manifest } from '../../models/bundle/manifest.js'
import { bridgeGaps } from './bridge-gaps.js'
import type { EcgWindow } from './ecg-window.js'
import { type PlannedLead, planLeads } from './lead-plan.js'
import { channelFacts, judge } from './quality.js'
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
    const used = [...new Set(plan.flatMap(({ terms }) => terms.map(({ channel }) => channel)))]
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
    const faults: string[] = []
    const unfit = this.#channels.map(({ name, raw }, k) => {
      ring.read(k, first, raw)
      const { missing, fault } = channelFacts(raw, rate)
      if (fault) faults.push(`Channel ${name} ${fault}.`)
      else if (missing > stretch.missing) faults.push(`Channel ${name} lacks ${missing} of ${this.samples} samples.`)
      return fault !== undefined
    })
    const usable = this.#plan.map(
      ({ lead, terms }) => terms.length > 0 && !off.includes(lead) && !terms.some(({ channel }) => unfit[channel]),
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
      faults,
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
      signal: this.#signal(first, usable),
      completed,
    }
  }

  /** Resamples what the usable leads are made of, and makes them; the others stay zero. */
  #signal(first: number, usable: readonly boolean[]): Float32Array {
    const { samples, leads } = this.#source.input
    const signal = new Float32Array(new SharedArrayBuffer(leads.length * samples * Float32Array.BYTES_PER_ELEMENT))
    const resampled = new Map<number, Float32Array>()
    this.#plan.forEach(({ terms }, row) => {
      if (!usable[row]) return
      const out = signal.subarray(row * samples, (row + 1) * samples)
      const [a, b] = terms.map(({ channel, weight }) => {
        const y = resampled.get(channel) ?? this.#resample(channel, first)
        resampled.set(channel, y)
        return { y, weight }
      })
      if (b) for (let m = 0; m < samples; m++) out[m] = a!.weight * a!.y[m]! + b.weight * b.y[m]!
      else out.set(a!.y)
    })
    return signal
  }

  #resample(channel: number, first: number): Float32Array {
    const { raw, resampler } = this.#channels[channel]!
    const whole = !raw.some(Number.isNaN)
    if (!whole) bridgeGaps(raw)
    return resampler.resample(raw, first, whole)
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

import type { Millivolts } from '../../ecg/units.js'
import type { SampleBlock } from '../../firmware-bridge/device-stream.js'
import { MISSING_COUNT } from '../../firmware-bridge/recording/recording.js'

/** A channel that is kept: which one of a block, and what its counts mean. */
export interface ChannelScale {
  readonly channel: number
  readonly lsb: Millivolts
  /** Count that stands for 0 mV. */
  readonly baseline: number
}

/**
 * Values are kept to the microvolt, which is finer than any front end's noise. So one ECG sampled with two LSBs gives the same
 * window, to the bit: the rounding inside an int8 network would make up to 0.03 of probability of a fraction of a microvolt.
 */
const STEPS_PER_MILLIVOLT = 1000

const PRESENT = 1 << 15
const SATURATED = 1 << 14
const ELECTRODES = 0x3ff

/** What was said beside the values, over a stretch of samples. */
export interface StretchFacts {
  missing: number
  /** Longest run of missing samples. */
  longestGap: number
  /** Samples from blocks in which the amplifier was saturated. */
  saturated: number
  /** Bits of every electrode that was off at any time. */
  electrodesOff: number
}

/**
 * The newest samples of one device, `capacity` of them at least, by sample index, in mV, with exact presence. They lie in a line, so
 * that a window is a view and not a copy; at the line's end the newest move to its beginning.
 * It knows nothing of windows: whoever reads it sees to it that nothing still wanted is overwritten.
 */
export class SampleLine {
  readonly capacity: number
  readonly #scales: readonly ChannelScale[]
  /** NaN where there is none. */
  readonly #values: readonly Float32Array[]
  /** Per sample: present, saturated, electrodes off; 0 where there is none. */
  readonly #flags: Uint16Array
  /** Index of the sample at the line's beginning. */
  #base: number
  #end: number

  /** `start`: the first index that will be wanted; `longest`: most samples that are read or written at once. */
  constructor(scales: readonly ChannelScale[], capacity: number, longest: number, start: number) {
    this.capacity = capacity
    this.#scales = scales
    this.#flags = new Uint16Array(capacity + longest)
    this.#values = scales.map(() => new Float32Array(this.#flags.length).fill(Number.NaN))
    this.#base = start
    this.#end = start
  }

  /** One past the newest index seen. */
  get end(): number {
    return this.#end
  }

  /**
   * Samples [first, end) of a block; those that are there already stay. `first` ≥ this.end − capacity; what lies between
   * this.end and `first` becomes missing.
   */
  write(block: SampleBlock, first: number, end: number): void {
    this.#reach(end, end - this.capacity)
    const fresh = Math.max(this.#end, first)
    const flags = PRESENT | (block.saturated ? SATURATED : 0) | (block.electrodesOff & ELECTRODES)
    for (let index = first; index < end; index++) {
      const position = index - this.#base
      if (index >= fresh || !(this.#flags[position]! & PRESENT))
        this.#flags[position] = this.#place(block, index - block.first, position) ? flags : 0
    }
    this.#end = Math.max(this.#end, end)
  }

  /**
   * Kept channel `kept` from `first` ≥ this.end − capacity on; NaN where there is none. To be read only, and until something else is
   * written or viewed; nothing before `first` may be asked for any more.
   */
  view(kept: number, first: number, samples: number): Float32Array {
    this.#reach(first + samples, first)
    return this.#values[kept]!.subarray(first - this.#base, first - this.#base + samples)
  }

  /** Of the samples that `view` would give, under the same conditions. */
  facts(first: number, samples: number): StretchFacts {
    this.#reach(first + samples, first)
    const facts = { missing: 0, longestGap: 0, saturated: 0, electrodesOff: 0 }
    let gap = 0
    for (let position = first - this.#base; position < first - this.#base + samples; position++) {
      const flags = this.#flags[position]!
      if (flags & PRESENT) gap = 0
      else {
        facts.missing++
        if (++gap > facts.longestGap) facts.longestGap = gap
      }
      if (flags & SATURATED) facts.saturated++
      facts.electrodesOff |= flags & ELECTRODES
    }
    return facts
  }

  /** Returns whether any kept channel has a value. */
  #place(block: SampleBlock, sample: number, position: number): boolean {
    let values = 0
    for (let k = 0; k < this.#scales.length; k++) {
      const { channel, lsb, baseline } = this.#scales[k]!
      const count = block.values[sample * block.channels + channel]!
      const present = count !== MISSING_COUNT
      const steps = Math.round((count - baseline) * lsb * STEPS_PER_MILLIVOLT)
      this.#values[k]![position] = present ? steps / STEPS_PER_MILLIVOLT : Number.NaN
      if (present) values++
    }
    return values > 0
  }

  /** The line is to hold what lies before `end`; where it is too short, what lies before `oldest` goes. */
  #reach(end: number, oldest: number): void {
    if (end - this.#base <= this.#flags.length) return
    const from = oldest - this.#base
    const kept = Math.max(0, this.#end - oldest)
    this.#flags.copyWithin(0, from, from + kept).fill(0, kept)
    for (const values of this.#values) values.copyWithin(0, from, from + kept).fill(Number.NaN, kept)
    this.#base = oldest
  }
}

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
 * The newest `capacity` samples of one device, by sample index, in mV, with exact presence.
 * It knows nothing of windows: whoever reads it sees to it that nothing still wanted is overwritten.
 */
export class SampleRing {
  readonly capacity: number
  readonly #scales: readonly ChannelScale[]
  /** NaN where there is none. */
  readonly #values: readonly Float32Array[]
  /** Per sample: present, saturated, electrodes off. */
  readonly #flags: Uint16Array
  #end: number

  /** `start`: the first index that will be wanted. */
  constructor(scales: readonly ChannelScale[], capacity: number, start: number) {
    this.capacity = capacity
    this.#scales = scales
    this.#values = scales.map(() => new Float32Array(capacity).fill(Number.NaN))
    this.#flags = new Uint16Array(capacity)
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
    this.#forget(this.#end, first)
    const fresh = Math.max(this.#end, first)
    const flags = PRESENT | (block.saturated ? SATURATED : 0) | (block.electrodesOff & ELECTRODES)
    let position = first % this.capacity
    for (let index = first; index < end; index++) {
      if (index >= fresh || !(this.#flags[position]! & PRESENT))
        this.#flags[position] = this.#place(block, index - block.first, position) ? flags : 0
      if (++position === this.capacity) position = 0
    }
    this.#end = Math.max(this.#end, end)
  }

  /** Values of kept channel `kept` from `first` on, as many as `out` holds; NaN where there is none. */
  read(kept: number, first: number, out: Float32Array): void {
    const values = this.#values[kept]!
    const start = first % this.capacity
    const known = Math.max(0, Math.min(out.length, this.#end - first))
    const unbroken = Math.min(known, this.capacity - start)
    out.set(values.subarray(start, start + unbroken))
    out.set(values.subarray(0, known - unbroken), unbroken)
    out.fill(Number.NaN, known)
  }

  facts(first: number, samples: number): StretchFacts {
    const facts = { missing: 0, longestGap: 0, saturated: 0, electrodesOff: 0 }
    const known = Math.max(0, Math.min(samples, this.#end - first))
    let position = first % this.capacity
    let gap = 0
    for (let i = 0; i < samples; i++) {
      const flags = i < known ? this.#flags[position]! : 0
      if (flags & PRESENT) gap = 0
      else {
        facts.missing++
        if (++gap > facts.longestGap) facts.longestGap = gap
      }
      if (flags & SATURATED) facts.saturated++
      facts.electrodesOff |= flags & ELECTRODES
      if (++position === this.capacity) position = 0
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

  /** Indices [first, end) never came; at most one turn of the ring has to be told so. */
  #forget(first: number, end: number): void {
    for (let index = Math.max(first, end - this.capacity); index < end; index++) this.#remove(index % this.capacity)
  }

  #remove(position: number): void {
    this.#flags[position] = 0
    for (const values of this.#values) values[position] = Number.NaN
  }
}

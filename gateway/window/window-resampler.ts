import { interior, type Polyphase, resample } from './resampling.js'

/**
 * Windows of one channel, resampled. What a window's inside shares with the inside of the window before is taken from there,
 * so overlapping windows do not pay twice; the result is the same, bit for bit, as that of the window alone.
 */
export class WindowResampler {
  readonly #filter: Polyphase | undefined
  #start = Number.NEGATIVE_INFINITY
  #previous: Float32Array
  #current: Float32Array

  /** No filter: the rates are equal, and samples pass as they are. */
  constructor(filter: Polyphase | undefined, outputs: number) {
    this.#filter = filter
    this.#previous = new Float32Array(outputs)
    this.#current = new Float32Array(outputs)
  }

  /**
   * The window `x` that begins at sample `start`. `whole`: every sample of it was really received; only then may the next
   * window use its outputs, because bridged stretches end differently in every window. Borrowed until the next call.
   */
  resample(x: Float32Array, start: number, whole: boolean): Float32Array {
    const filter = this.#filter
    if (!filter) return x
    const y = this.#current
    const { first, end } = interior(filter, x.length)
    const shift = ((start - this.#start) * filter.up) / filter.down
    const shared = Number.isInteger(shift) && shift > 0 && end - shift > first
    if (shared) {
      y.set(this.#previous.subarray(first + shift, end), first)
      resample(filter, x, y, 0, first)
      resample(filter, x, y, end - shift, y.length)
    } else resample(filter, x, y, 0, y.length)
    this.#start = whole ? start : Number.NEGATIVE_INFINITY
    this.#current = this.#previous
    this.#previous = y
    return y
  }
}

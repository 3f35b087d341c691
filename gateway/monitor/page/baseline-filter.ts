/**
 * Takes the electrode offset and slow wander off a lead for display: a first-order high-pass. 0.05 Hz is the diagnostic
 * bandwidth that leaves ST segments as they are (IEC 60601-2-25, 201.12.4.107); 0.5 Hz holds the trace still and bends them.
 */
export class BaselineFilter {
  readonly #share: number
  #baseline: number | undefined

  constructor(cutoffHz: number, rate: number) {
    this.#share = 1 - Math.exp((-2 * Math.PI * cutoffHz) / rate)
  }

  /** Starts from a guess of the baseline, so that a trace with a large offset does not begin outside the paper. */
  settle(baseline: number): void {
    this.#baseline = baseline
  }

  /** mV in, mV out. NaN passes, and leaves the filter where it was. */
  next(value: number): number {
    if (Number.isNaN(value)) return value
    this.#baseline = this.#baseline === undefined ? value : this.#baseline + this.#share * (value - this.#baseline)
    return value - this.#baseline
  }
}

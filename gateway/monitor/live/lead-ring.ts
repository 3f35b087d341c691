/**
 * The newest `capacity` samples of some leads, by sample index; NaN where there is none. The server keeps one for each
 * patient and so does the page, so that a sample that comes late finds its place in both.
 */
export class LeadRing {
  readonly leads: number
  readonly capacity: number
  readonly #values: readonly Float32Array[]
  /** One past the newest index; the first ever written sets it. */
  #end: number | undefined
  #origin = 0

  constructor(leads: number, capacity: number) {
    this.leads = leads
    this.capacity = capacity
    this.#values = Array.from({ length: leads }, () => new Float32Array(capacity).fill(Number.NaN))
  }

  /** Oldest index that is kept. */
  get start(): number {
    return Math.max(this.#origin, this.end - this.capacity)
  }

  /** One past the newest. */
  get end(): number {
    return this.#end ?? 0
  }

  /** Makes room up to `end`; what is not written afterwards stays NaN. */
  advance(first: number, end: number): void {
    if (this.#end === undefined) {
      this.#origin = first
      this.#end = first
    }
    if (end <= this.#end) return
    const fresh = Math.min(end - this.#end, this.capacity)
    for (const values of this.#values) {
      const from = (end - fresh) % this.capacity
      const whole = Math.min(fresh, this.capacity - from)
      values.fill(Number.NaN, from, from + whole)
      values.fill(Number.NaN, 0, fresh - whole)
    }
    this.#end = end
  }

  /** `index` lies in [start, end). */
  put(lead: number, index: number, value: number): void {
    this.#values[lead]![index % this.capacity] = value
  }

  /** NaN outside [start, end). */
  at(lead: number, index: number): number {
    if (index < this.start || index >= this.end) return Number.NaN
    return this.#values[lead]![index % this.capacity]!
  }
}

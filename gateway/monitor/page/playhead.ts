/** Never closer to the newest sample than this, s: frames come ten times a second. */
const LEAST_DELAY = 0.25
/** Never further behind than this, s: a radio may hand over its samples once a second, but not more seldom. */
const MOST_DELAY = 2.5
/** Of the longest wait between two arrivals lately. */
const MARGIN = 1.25
/** How fast that wait is forgotten when arrivals come oftener, per arrival. */
const FORGET = 0.995
/** Speed may differ from real time by so much to get back to the delay; the eye does not see it. */
const MOST_CORRECTION = 0.08
/** Further behind than this, s, it jumps: the page was not drawn for a while. */
const JUMP = 1.5

/**
 * Which sample a page draws up to. Samples come in bursts and a trace must run evenly, so it plays a little behind the newest
 * one: as little as the bursts allow. Pure; times are ms of any monotonic clock.
 */
export class Playhead {
  readonly #rate: number
  #end: number | undefined
  #heard = 0
  #wait = 0.1
  #position = 0
  #asked: number | undefined

  constructor(rate: number) {
    this.#rate = rate
  }

  /** s behind the newest sample. */
  get delay(): number {
    return Math.min(MOST_DELAY, Math.max(LEAST_DELAY, this.#wait * MARGIN))
  }

  /** The newest sample is `end` − 1. `live` is false for what had been kept before the page looked. */
  heard(end: number, now: number, live = true): void {
    if (this.#end === undefined) this.#position = end - this.delay * this.#rate
    else if (end <= this.#end) return
    else if (live) this.#wait = Math.max(this.#wait * FORGET, Math.min(MOST_DELAY, (now - this.#heard) / 1000))
    this.#end = end
    this.#heard = now
  }

  /** One past the last sample to draw at `now`; undefined before the first. Never beyond what has come, never backwards. */
  at(now: number): number | undefined {
    if (this.#end === undefined) return undefined
    const elapsed = this.#asked === undefined ? 0 : (now - this.#asked) / 1000
    this.#asked = now
    const latest = this.#end - this.delay * this.#rate
    if (latest - this.#position > JUMP * this.#rate) this.#position = latest
    const ahead = (latest - this.#position) / this.#rate + (now - this.#heard) / 1000
    const correction = Math.max(-MOST_CORRECTION, Math.min(MOST_CORRECTION, ahead))
    this.#position = Math.min(this.#end, this.#position + elapsed * this.#rate * (1 + correction))
    return Math.floor(this.#position)
  }
}

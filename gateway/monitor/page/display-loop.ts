/** Whoever draws, and how often at most, frames a second. */
export interface Drawn {
  readonly rate: number
  draw(now: number): void
}

/** s over which the frame rate is counted. */
const COUNTED = 2

/** One loop for all that moves, so that the page draws once a frame of the display and not at all when it is hidden. */
export class DisplayLoop {
  #drawn: Drawn | null = null
  #last = 0
  #frames = 0
  #since = 0
  /** Frames a second that were really drawn; null before the first count. */
  measured: number | null = null

  /** Only this is drawn from now on. */
  set drawn(drawn: Drawn) {
    this.#drawn = drawn
    this.#frames = 0
    this.#since = performance.now()
    this.measured = null
  }

  start(): void {
    const frame = (now: number) => {
      requestAnimationFrame(frame)
      if (!this.#drawn) return
      // A little early is on time: frames of the display never fall exactly on the rate.
      if (now - this.#last < 1000 / this.#drawn.rate - 4) return
      this.#last = now
      this.#drawn.draw(now)
      this.#frames++
      if (now - this.#since < 1000 * COUNTED) return
      this.measured = (1000 * this.#frames) / (now - this.#since)
      this.#frames = 0
      this.#since = now
    }
    requestAnimationFrame(frame)
  }
}

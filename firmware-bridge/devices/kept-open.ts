import type { LinkCounters } from '../device-stream.js'
import { sharedInterval } from '../transport/shared-interval.js'

/** Wait before a carrier that did not work is opened again: first and at most, ms. Short, because opening a port costs nothing. */
const FIRST_RETRY = 100
const LAST_RETRY = 500

/** A carrier that is opened again for ever, with back-off, until it is stopped. */
export interface KeptOpen {
  /** The outcome of the first attempt. */
  readonly firstOpen: Promise<void>
  start(): void
  /** Closes the carrier, and opens it again as after a loss. */
  reopen(): void
  /** Closes the carrier, and leaves it closed until `resume`. `lastWords`: said while it is still open. */
  pause(reason: string, lastWords: () => void): Promise<void>
  resume(): void
  /** As `pause`, for good. */
  stop(lastWords: () => void): Promise<void>
}

export interface KeptOpenParts {
  readonly counters: LinkCounters
  /** How often `tick` is called while it is open, ms. */
  readonly every: number
  /**
   * Opens the carrier and is done when the session may begin. `closed` is to be told when an open carrier goes away by itself;
   * `current` answers whether what comes from this opening is still for anybody.
   */
  open(closed: (reason: string) => void, current: () => boolean): Promise<void>
  close(): Promise<void>
  opened(): void
  tick(): void
  /** It was lost, or could not be opened; why. */
  closed(reason: string): void
}

export function createKeptOpen(parts: KeptOpenParts): KeptOpen {
  const { counters, every } = parts
  /** Ends what is timed: the ticks, or the wait for the next attempt. */
  let endTimer = () => {}
  let retry = FIRST_RETRY
  let packetsAtOpen = 0
  let opening = 0
  /** Settles when the carrier is no longer being closed. */
  let closing = Promise.resolve()
  let everOpen = false
  let paused = false
  let stopped = false
  let settleFirstOpen: (failure?: Error) => void = () => {}
  const firstOpen = new Promise<void>((resolve, reject) => {
    settleFirstOpen = failure => (failure ? reject(failure) : resolve())
  })
  firstOpen.catch(() => {}) // whoever does not ask hears of it as a state

  /** Also waits for a close that has begun before: whoever is told that it is closed may open it. */
  function close(): Promise<void> {
    closing = Promise.all([closing, parts.close()]).then(() => {})
    return closing
  }

  async function open() {
    const mine = ++opening
    const current = () => mine === opening && !stopped
    const closed = (reason: string) => {
      if (!current()) return
      opening++
      endTimer()
      parts.closed(reason)
      openLater()
    }
    try {
      await parts.open(closed, current)
    } catch (failure) {
      settleFirstOpen(failure as Error)
      return closed((failure as Error).message)
    }
    settleFirstOpen()
    if (!current()) return
    if (everOpen) counters.reopens++
    everOpen = true
    packetsAtOpen = counters.packets
    parts.opened()
    endTimer = sharedInterval(parts.tick, every)
  }

  function openLater() {
    if (stopped || paused) return
    if (counters.packets > packetsAtOpen) retry = FIRST_RETRY
    packetsAtOpen = counters.packets
    const timer = setTimeout(() => void open(), retry)
    endTimer = () => clearTimeout(timer)
    retry = Math.min(2 * retry, LAST_RETRY)
  }

  return {
    firstOpen,
    start: () => void open(),
    reopen() {
      const mine = ++opening
      endTimer()
      void close().then(() => {
        if (mine === opening) openLater() // else it was lent meanwhile, and may have been opened since
      })
    },
    async pause(reason, lastWords) {
      if (stopped || paused) return
      paused = true
      opening++
      endTimer()
      lastWords()
      parts.closed(reason)
      await close()
    },
    resume() {
      if (!paused || stopped) return
      paused = false
      void open()
    },
    async stop(lastWords) {
      if (stopped) return
      stopped = true
      endTimer()
      lastWords()
      await close()
    },
  }
}

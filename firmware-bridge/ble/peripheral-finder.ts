import type { Noble, Peripheral } from '@stoprocent/noble'
import { within } from './within.js'

/** The adapter answers a command within this, or never, ms. */
const ANSWER_WITHIN = 4_000
/** Another program on the same adapter may stop our scan: begin again after this, not at once, ms. */
const SCAN_AGAIN_AFTER = 200

export interface PeripheralFinder {
  /** Scans until a peripheral fits, or until the time is up. Rejects where the signal says so. */
  find(fits: (peripheral: Peripheral) => boolean, ms: number, signal: AbortSignal): Promise<Peripheral | undefined>
  /** Runs one such work at a time, and does not scan beside it: most controllers cannot scan and begin a connection. */
  quietly<T>(work: () => Promise<T>): Promise<T>
  /** How many different addresses were heard. Noble remembers each of them for ever. */
  readonly heard: number
}

/** `failed`: the adapter does not do as it is told. */
export function createPeripheralFinder(noble: Noble, failed: (reason: string) => void): PeripheralFinder {
  const seekers = new Set<(peripheral: Peripheral) => void>()
  const heard = new Set<string>()
  let scanning = false
  let quiet = false
  let commands = Promise.resolve()
  let turn: Promise<unknown> = Promise.resolve()

  noble.on('discover', peripheral => {
    heard.add(peripheral.id)
    for (const seek of seekers) seek(peripheral)
  })
  noble.on('scanStop', () => {
    if (!scanning) return
    scanning = false
    setTimeout(update, SCAN_AGAIN_AFTER)
  })

  /** One command at a time: noble takes the answer to one for the answer to another. */
  function update(): Promise<void> {
    commands = commands
      .then(() => {
        const wanted = seekers.size > 0 && !quiet
        if (wanted === scanning) return undefined
        scanning = wanted
        const command = wanted ? noble.startScanningAsync([], true) : noble.stopScanningAsync()
        return within(ANSWER_WITHIN, command, () => new Error('no answer'))
      })
      .catch(error => failed(`the Bluetooth adapter does not ${quiet ? 'stop scanning' : 'scan'} (${error.message})`))
    return commands
  }

  function find(fits: (peripheral: Peripheral) => boolean, ms: number, signal: AbortSignal) {
    return new Promise<Peripheral | undefined>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const timer = setTimeout(() => end(() => resolve(undefined)), ms)
      const abort = () => end(() => reject(signal.reason))
      const seek = (peripheral: Peripheral) => {
        if (fits(peripheral)) end(() => resolve(peripheral))
      }
      const end = (settle: () => void) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        seekers.delete(seek)
        void update()
        settle()
      }
      signal.addEventListener('abort', abort)
      seekers.add(seek)
      void update()
    })
  }

  function quietly<T>(work: () => Promise<T>): Promise<T> {
    const done = turn.then(async () => {
      quiet = true
      await update()
      try {
        return await work()
      } finally {
        quiet = false
        void update()
      }
    })
    turn = done.catch(() => {})
    return done
  }

  return {
    find,
    quietly,
    get heard() {
      return heard.size
    },
  }
}

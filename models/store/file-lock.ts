import { closeSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import koffi from 'koffi'
import { Millis } from '../../ecg/units.js'
import { StoreError } from './store-error.js'

/**
 * A lock between processes that ends with the process that holds it, however it ends: `flock(2)`, which Node does not offer.
 * A file whose mere existence is the lock would outlive a `kill -9`.
 */

const LOCK_EX = 2
const LOCK_NB = 4

const RETRY_EVERY = Millis(50)

let flock: ((fd: number, operation: number) => number) | undefined

/** Does the work while it holds the lock; waits for it for so long, and then says who is in the way: `busy`. */
export async function withLock<T>(
  path: string,
  patience: Millis,
  busy: string,
  work: () => Promise<T> | T,
): Promise<T> {
  // The library that this process itself is linked with.
  flock ??= koffi.load(null).func('int flock(int fd, int operation)')
  const file = openSync(path, 'a', 0o600)
  try {
    const latest = performance.now() + patience
    while (flock(file, LOCK_EX | LOCK_NB) !== 0) {
      if (performance.now() >= latest) throw new StoreError('STORE_BUSY', busy)
      await delay(RETRY_EVERY)
    }
    return await work()
  } finally {
    closeSync(file)
  }
}

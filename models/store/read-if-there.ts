import { readFileSync, statSync } from 'node:fs'
import { StoreError } from './store-error.js'

/** What to do about a file of the store that may not be used. */
export const AS_ITS_USER = 'check its permissions, and run this as the user of the gateway'

/** Whether there is something; what may not be looked at is an error and not an absence. */
export function isThere(path: string): boolean {
  return readable(path, () => statSync(path, { throwIfNoEntry: false }) !== undefined)
}

/** The text of a file; undefined where there is none. */
export function readIfThere(path: string): string | undefined {
  return isThere(path) ? readable(path, () => readFileSync(path, 'utf8')) : undefined
}

function readable<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    const { message } = cause as Error
    throw new StoreError('STORE_UNUSABLE', `${path} cannot be read (${message}); ${AS_ITS_USER}`, { cause })
  }
}

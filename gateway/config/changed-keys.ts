import { isDeepStrictEqual } from 'node:util'
import type { Config } from './config.js'
import { configKeys } from './config-keys.js'

/** What differs between two configurations, as dotted paths. */
export interface ChangedKeys {
  /** Applied by a reload. */
  readonly live: readonly string[]
  /** In force only after a restart. */
  readonly restart: readonly string[]
}

export function changedKeys(before: Config, after: Config): ChangedKeys {
  const changed = configKeys().filter(
    ({ path }) => !isInsideList(path) && !isDeepStrictEqual(valueAt(before, path), valueAt(after, path)),
  )
  const paths = (live: boolean) => changed.filter(key => key.live === live).map(({ path }) => path)
  return { live: paths(true), restart: paths(false) }
}

/** The list or the mapping as a whole is compared instead. */
const isInsideList = (path: string) => path.includes('[]') || path.includes('<name>')

function valueAt(config: Config, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], config)
}

import type { Document } from 'yaml'
import { EcgclipError } from '../../ecg/ecgclip-error.js'
import { CONFIG_VERSION } from './config.js'

/** Brings a file of the version before to `to`. It works on the YAML document, so that comments stay where they are. */
export interface Migration {
  readonly to: number
  /** One line for the person who finds the file changed. */
  readonly what: string
  apply(document: Document): void
}

/** From the oldest to the newest, without gaps. Never change one that has been released. */
const MIGRATIONS: readonly Migration[] = []

export class ConfigVersionError extends EcgclipError {
  constructor(message: string) {
    super('CONFIG_VERSION', message, { exitCode: 2 })
  }
}

/**
 * Brings the document to the version that this program reads, in place, and answers what was done. A file that names no
 * version is of version 1. Throws a `ConfigVersionError` for one that a newer program has written.
 */
export function migrate(
  document: Document,
  file: string,
  migrations: readonly Migration[] = MIGRATIONS,
  newest: number = CONFIG_VERSION,
): string[] {
  const version = document.get('version') ?? 1
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1)
    throw new ConfigVersionError(`${file}: version must be a number from 1 to ${newest}; remove the key if in doubt.`)
  if (version > newest)
    throw new ConfigVersionError(
      `${file} is of version ${version}, which a newer ecgclip has written; this one reads up to ${newest}: upgrade it, or restore the file's backup.`,
    )
  const pending = migrations.filter(({ to }) => to > version)
  for (const { to, apply } of pending) {
    apply(document)
    document.set('version', to)
  }
  return pending.map(({ to, what }) => `version ${to}: ${what}`)
}

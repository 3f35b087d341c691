import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** What others may do with it, too, as the user's umask says. */
export const FOR_ALL = 0o666

/**
 * Replaces a file, readable by its owner only unless `mode` says otherwise. On disk when it returns; a crash or a full disk leaves
 * either the old file or the new one.
 */
export function writeDurably(path: string, text: string, mode = 0o600): void {
  const draft = `${path}.new`
  const file = openSync(draft, 'w', mode)
  try {
    try {
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(draft, path)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
  syncFolder(dirname(path))
}

/** What was created, renamed or removed in the folder is on disk when it returns. */
export function syncFolder(folder: string): void {
  const directory = openSync(folder, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { type Outcome, OutcomeSchema } from './measurement.js'

/**
 * What was measured before, so that the next start need not. Losing it costs a measurement: whatever is wrong with the file or
 * the disk is as if there were none, and what is started by it must pass its goldens all the same.
 */
export interface SelectionCache {
  get(key: string): readonly Outcome[] | undefined
  set(key: string, outcomes: readonly Outcome[]): void
}

const FILE = 'providers.json'
/** A/B slots, a variant or two asked for by name, and room to change one's mind; the oldest go first. */
const MOST_ENTRIES = 16
const FileSchema = z.array(z.strictObject({ key: z.string(), outcomes: z.array(OutcomeSchema) }))

/** The key of everything that the outcomes depend on. */
export function selectionKey(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

export function openSelectionCache(folder: string | undefined): SelectionCache {
  if (folder === undefined) return { get: () => undefined, set: () => {} }
  const path = join(folder, FILE)
  function read(): z.infer<typeof FileSchema> {
    try {
      return FileSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
    } catch {
      return []
    }
  }
  return {
    get: key => read().find(entry => entry.key === key)?.outcomes,
    set(key, outcomes) {
      const others = read().filter(entry => entry.key !== key)
      const fresh = `${path}.${process.pid}`
      try {
        mkdirSync(folder, { recursive: true })
        writeFileSync(fresh, JSON.stringify([...others.slice(1 - MOST_ENTRIES), { key, outcomes }]))
        renameSync(fresh, path)
      } catch {
        // a full or read-only disk
      }
    },
  }
}

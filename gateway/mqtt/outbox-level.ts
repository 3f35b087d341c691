import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BatchOperation, ClassicLevel } from 'classic-level'

/**
 * The outbox on disk, a LevelDB: `m<seq> <kind> <bytes> <topic>` → alert message, `a<topic>` → the last message of each open alert,
 * `c:<topic>` → to be cleared at the broker, `counters` → session and `seq`. One batch writes a message together with the counter that it was numbered from, so a crash
 * leaves both or neither.
 */

/** How an entry may be given up when the outbox is full: `continue` first, `overflow` (which tells what was lost) last. */
export type EntryKind = 'continue' | 'message' | 'overflow'

export interface StoreEntry {
  readonly key: string
  readonly seq: number
  readonly kind: EntryKind
  readonly bytes: number
  readonly topic: string
}

export interface Counters {
  readonly seq: number
  readonly session: number
}

export type Level = ClassicLevel<string, string>
export type StoreOperation = BatchOperation<Level, string, string>

/** Of a full scan: a portion is parsed in a few milliseconds. */
const KEYS_AT_ONCE = 2000
const KEYS_AT_ONCE_BYTES = 2 ** 18

/** What LevelDB collects in memory before it becomes a table on the disk; the log has it at once. By default 4 MiB, which take hours to fill. */
const WRITE_BUFFER_BYTES = 2 ** 20

const COUNTERS = 'counters'
const SEQ_DIGITS = 16 // of Number.MAX_SAFE_INTEGER
const padded = (seq: number) => String(seq).padStart(SEQ_DIGITS, '0')

export const entryKey = ({ seq, kind, bytes, topic }: Omit<StoreEntry, 'key'>): string =>
  `m${padded(seq)} ${kind} ${bytes} ${topic}`
export const openAlertKey = (topic: string): string => `a${topic}`
export const clearKey = (topic: string): string => `c:${topic}`

export const countersEntry = (counters: Counters): StoreOperation => ({
  type: 'put',
  key: COUNTERS,
  value: JSON.stringify(counters),
})

function entryOf(key: string): StoreEntry {
  const [seq, kind, bytes, ...topic] = key.slice(1).split(' ') as [string, EntryKind, string, ...string[]]
  return { key, seq: Number(seq), kind, bytes: Number(bytes), topic: topic.join(' ') }
}

export interface OpenedLevel {
  readonly db: Level
  readonly counters: Counters | null
  readonly found: {
    readonly messages: number
    readonly bytes: number
    readonly openAlerts: readonly string[]
    readonly topicsToClear: readonly string[]
  }
  /** What LevelDB left out because it was damaged, in its own words; null: nothing. A record that a crash cut short is not damage. */
  readonly leftOut: string | null
}

/** LevelDB skips what it cannot read of its log, tells nobody, and goes on; only its own account in the folder says so. */
const LEFT_OUT = /\(ignoring error\) .*: (dropping \d+ bytes; .*)/

function leftOut(path: string): string | null {
  try {
    return LEFT_OUT.exec(readFileSync(join(path, 'LOG'), 'utf8'))?.[1] ?? null
  } catch {
    return null
  }
}

/** Reads everything that later work relies on, so that damage shows here and not at the first alert. */
export async function openOutboxLevel(path: string): Promise<OpenedLevel> {
  const db: Level = new ClassicLevel(path, { writeBufferSize: WRITE_BUFFER_BYTES })
  await db.open()
  try {
    const counters = await db.get(COUNTERS)
    let messages = 0
    let bytes = 0
    for await (const entry of entriesOf(db)) {
      messages++
      bytes += entry.bytes
    }
    const openAlerts = await db.values({ gt: 'a', lt: 'a\u{10ffff}' }).all()
    const toClear = await db.keys({ gt: clearKey(''), lt: clearKey('\u{10ffff}') }).all()
    return {
      db,
      counters: counters === undefined ? null : JSON.parse(counters),
      found: { messages, bytes, openAlerts, topicsToClear: toClear.map(key => key.slice(clearKey('').length)) },
      leftOut: leftOut(path),
    }
  } catch (error) {
    await db.close()
    throw error
  }
}

/** All entries, in order. Reads keys only, in portions, so that even a full store does not hold up the event loop. */
export async function* entriesOf(db: Level): AsyncGenerator<StoreEntry> {
  const keys = db.keys({ gt: 'm', lt: 'm~', highWaterMarkBytes: KEYS_AT_ONCE_BYTES })
  try {
    for (;;) {
      const some = await keys.nextv(KEYS_AT_ONCE)
      if (some.length === 0) return
      for (const key of some) yield entryOf(key)
    }
  } finally {
    await keys.close()
  }
}

/** Entries after one number and up to another, in order. */
export async function entriesBetween(
  db: Level,
  after: number,
  upTo: number,
  limit: number,
): Promise<Array<readonly [StoreEntry, string]>> {
  const rows = await db.iterator({ gt: `m${padded(after)}~`, lt: `m${padded(upTo)}~`, limit }).all()
  return rows.map(([key, value]) => [entryOf(key), value] as const)
}

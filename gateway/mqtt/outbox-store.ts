import { mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Millis } from '../../ecg/units.js'
import type { Log } from './log.js'
import { MessagingError } from './messaging-error.js'
import {
  countersEntry,
  entriesBetween,
  entriesOf,
  type OpenedLevel,
  openOutboxLevel,
  type StoreEntry,
  type StoreOperation,
} from './outbox-level.js'
import { readSequence, type Sequence, writeSequence } from './sequence-file.js'

export interface OutboxStore {
  readonly session: number
  /** The last number given out in earlier runs. */
  readonly seq: number
  /** Set: stored alerts may have been lost, and what happened to the old store. */
  readonly damage: string | null
  /** What waited in the store when it was opened, and the last message of each alert that was open then. */
  readonly found: OpenedLevel['found']
  /** The disk does not take what is written; everything that writes waits until it does. */
  readonly troubled: boolean
  /** On disk (fsync) when it settles; rejects only when the store is closed meanwhile. `seq`: the highest number in it. */
  write(operations: StoreOperation[], seq: number): Promise<void>
  /** All entries, in order. */
  entries(): AsyncIterable<StoreEntry>
  /** Entries after one number and up to another, in order. */
  read(after: number, upTo: number, limit: number): Promise<Array<readonly [StoreEntry, string]>>
  /** Answers those that were there. Not synced: a deletion lost in a crash means one more delivery, which is allowed. */
  remove(entries: readonly StoreEntry[]): Promise<StoreEntry[]>
  close(): Promise<void>
}

/** `sequence.json` promises that `seq` stays below its limit; it is rewritten once per this many messages. */
const SEQUENCE_RESERVE = 1000

/** Opens the store in the gateway's data folder and begins a session. A store that is damaged is moved aside; a disk that is full is not damage. */
export async function openOutboxStore(folder: string, retry: Millis, log: Log): Promise<OutboxStore> {
  const recorded = readSequence(folder)
  const sequence = beginSession(folder, recorded)
  let damage: string | null = null
  let opened: OpenedLevel
  const path = join(folder, 'outbox')
  try {
    opened = await openOutboxLevel(path)
    if (opened.counters === null && sequence.seqLimit > 1) damage = 'The outbox was missing or empty'
    else if (opened.leftOut !== null) damage = `A part of the outbox could not be read (${opened.leftOut}) and is lost`
  } catch (cause) {
    if (isLocked(cause))
      throw new MessagingError(
        'OUTBOX_LOCKED',
        `The data folder ${folder} is in use by another gateway; stop it, or give this one its own folder.`,
        { cause, exitCode: 2 },
      )
    if (isOfTheDisk(cause)) throw unusable(folder, cause)
    const aside = `${path}.damaged-${sequence.session}`
    renameSync(path, aside)
    damage = `The outbox could not be read (${reasonOf(cause)}) and was moved to ${aside}`
    opened = await openOutboxLevel(path)
  }
  // What is lost of a damaged store may have been its newest numbers.
  const seq = Math.max(opened.counters?.seq ?? 0, damage === null ? 0 : sequence.seqLimit - 1)
  const session = Math.max(sequence.session, (opened.counters?.session ?? 0) + 1)
  if (damage !== null)
    log.error({ damage, nextSeq: seq + 1 }, 'the outbox was damaged: alerts that were not yet delivered may be lost')

  let { seqLimit } = sequence
  let closed = false
  let troubled = false
  let recovery: Promise<void> | null = null
  const counters = (seq: number) => countersEntry({ seq, session })
  // Before the first message is numbered: a store without counters is then a damaged one.
  await opened.db.batch([counters(seq)], { sync: true }).catch(async cause => {
    await opened.db.close()
    throw unusable(folder, cause)
  })

  function reserve(seq: number): void {
    if (seq < seqLimit) return
    writeSequence(folder, { session, seqLimit: seq + SEQUENCE_RESERVE })
    seqLimit = seq + SEQUENCE_RESERVE
  }

  /** Repeats the work until the disk takes it. `unless`: it got there after all, as is seen when the store was opened anew. */
  async function insist<T>(work: () => Promise<T>, unless: () => T | undefined): Promise<T> {
    for (;;)
      try {
        const done = await work()
        if (troubled) log.info({}, 'alerts can be written to disk again')
        troubled = false
        return done
      } catch (error) {
        if (closed) throw error
        if (!troubled) log.error({ reason: reasonOf(error) }, 'alerts cannot be written to disk; trying again')
        troubled = true
        recovery ??= recover()
        await recovery
        const done = unless()
        if (done !== undefined) return done
      }
  }

  /**
   * After any failed write the store is opened anew. LevelDB would go on in the same log, but what it appends behind a record
   * that was cut short may not be found again after a crash.
   */
  async function recover(): Promise<void> {
    try {
      for (;;) {
        await delay(retry)
        await opened.db.close()
        if (closed) return
        const again = await openOutboxLevel(path).catch(() => null)
        if (again === null) continue
        opened = again
        if (closed) await opened.db.close()
        return
      }
    } finally {
      recovery = null
    }
  }

  return {
    session,
    seq,
    damage,
    found: opened.found,
    get troubled() {
      return troubled
    },
    write: (operations, seq) =>
      insist(
        async () => {
          reserve(seq)
          await opened.db.batch([...operations, counters(seq)], { sync: true })
          return true
        },
        () => (opened.counters?.seq ?? 0) >= seq || undefined,
      ).then(() => {}),
    entries: () => entriesOf(opened.db),
    read: (after, upTo, limit) => entriesBetween(opened.db, after, upTo, limit),
    remove: entries =>
      insist(
        async () => {
          const there = await opened.db.hasMany(entries.map(({ key }) => key))
          const removed = entries.filter((_, index) => there[index])
          await opened.db.batch(removed.map(({ key }) => ({ type: 'del', key })))
          return removed
        },
        () => undefined,
      ),
    async close() {
      closed = true
      await opened.db.close()
    },
  }
}

/** Numbers this run. The first write of a start, so it also finds a data folder that cannot be used. */
function beginSession(folder: string, recorded: Sequence | null): Sequence {
  const sequence = { session: (recorded?.session ?? 0) + 1, seqLimit: recorded?.seqLimit ?? 1 }
  try {
    mkdirSync(folder, { recursive: true })
    writeSequence(folder, sequence)
  } catch (cause) {
    throw unusable(folder, cause)
  }
  return sequence
}

/** By what the system says of it, through Node.js and through LevelDB. */
const MENDS_ITSELF = /no space left|read-only file system|quota exceeded|file too large|too many open|input\/output/i
const NOT_ALLOWED = /permission denied|not permitted/i

/** Nothing is wrong with what was stored: what lies there must not be moved aside. */
const isOfTheDisk = (error: unknown) => MENDS_ITSELF.test(reasonOf(error)) || NOT_ALLOWED.test(reasonOf(error))

/** A service manager tries again after exit code 1, so that a disk which is full at the start is waited for. */
const unusable = (folder: string, cause: unknown) =>
  new MessagingError(
    'DATA_FOLDER',
    `The data folder ${folder} cannot be written (${reasonOf(cause)}); make room, make it writable for this user, or choose another.`,
    { cause, exitCode: MENDS_ITSELF.test(reasonOf(cause)) ? 1 : 2 },
  )

const isLocked = (error: unknown) => causeOf(error)?.code === 'LEVEL_LOCKED'
const causeOf = (error: unknown) => (error as { cause?: Error & { code?: string } }).cause
const reasonOf = (error: unknown): string => causeOf(error)?.message ?? (error as Error).message

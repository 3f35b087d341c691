import type { UnixMillis } from '../../ecg/units.js'
import type { AlertTransition } from '../alerts/alert.js'
import type { Clock } from '../alerts/clock.js'
import { openAlert, say } from '../alerts/open-alert.js'
import { technicalStart } from '../alerts/technical-alerts.js'
import { GATEWAY_DEVICE, type TechnicalKey } from '../alerts/technical-conditions.js'
import { alertMessage, transitionOf } from './alert-message.js'
import type { Log } from './log.js'
import { type AlertMessage, AlertSchema, type HealthMessage } from './messages.js'
import { type EntryKind, entryKey, openAlertKey, type StoreEntry, type StoreOperation } from './outbox-level.js'
import type { OutboxStore } from './outbox-store.js'
import { createOverflowAlert } from './overflow-alert.js'
import { takingTurns } from './taking-turns.js'
import { createTopicsToClear, type TopicsToClear } from './topics-to-clear.js'

/**
 * Where alert messages are numbered, written and kept until the broker has them. Bounded: when full it gives up `continue`
 * messages first, then the oldest others, and writes an "outbox overflow" alert, which lists their numbers, in the same batch.
 */
export interface Outbox {
  readonly session: number
  /** The number of the last message added so far, even where it is not written yet. */
  readonly seq: number
  readonly depth: HealthMessage['outbox']
  /** Alert messages given up since the start. */
  readonly dropped: number
  /** The last word on each open alert, by topic. */
  readonly open: ReadonlyMap<string, AlertTransition>
  readonly toClear: TopicsToClear
  /** Alerts that an earlier run left open, for the engine to take up; not the outbox's own. */
  readonly unfinished: readonly AlertTransition[]
  /** Takes charge of it; never throws and never waits. */
  add(transition: AlertTransition): void
  /** The number of the last message on disk. */
  readonly written: number
  /** Entries on disk after one number and up to another, in order. They count as under way: they are not given up. */
  read(after: number, upTo: number, limit: number): Promise<OutboxEntry[]>
  /** Nothing is under way any more: the connection broke. */
  release(): void
  /** Topics of all messages up to a number, also of those that are not written yet. */
  topics(upTo: number): Promise<ReadonlySet<string>>
  /** The broker has it, or never will. */
  remove(entry: StoreEntry): Promise<void>
  /** Settles when everything added so far is on disk. */
  flushed(): Promise<void>
  close(): Promise<void>
}

export interface OutboxEntry extends StoreEntry {
  /** Null: damaged; it is given up, and that is told. */
  readonly message: AlertMessage | null
}

export interface OutboxOptions {
  readonly store: OutboxStore
  readonly gateway: string
  readonly topicOf: (alert: Pick<AlertTransition, 'device' | 'condition'>) => string
  readonly capacityBytes: number
  readonly clock: Clock
  readonly newId: (now: UnixMillis) => string
  readonly log: Log
  /** New messages are on disk. */
  readonly written: () => void
}

const DAMAGED: TechnicalKey = 'OUTBOX_DAMAGED'

/** Written with one fsync. More would delay the first of them. */
const BATCH = 256

/** Transitions that wait in memory while the disk takes nothing. */
const MAX_UNWRITTEN = 10_000

/** An eviction frees this part of the capacity at once, so that a full outbox is not searched at every message … */
const EVICTION_SHARE = 1 / 16
/** … but no more numbers than an alert message can list. */
const MAX_LOST_RANGES = 500

/** The overflow alert ends when the outbox is emptier than this part of its capacity. */
const RELIEVED_BELOW = 1 / 2

export function createOutbox(options: OutboxOptions): Outbox {
  const { store, gateway, topicOf, capacityBytes, clock, newId, log } = options
  const open = new Map<string, AlertTransition>()
  const unfinished: AlertTransition[] = []
  const unwritten: AlertTransition[] = []
  const overflow = createOverflowAlert(clock, newId)
  const toClear = createTopicsToClear(store.found.topicsToClear)
  /** Nothing is given up or removed while it is being read, nor the other way round. */
  const exclusively = takingTurns()
  let { messages, bytes } = store.found
  let { seq } = store
  let inHand: readonly AlertTransition[] = []
  let dropped = 0
  /** Transitions that were given up before they had a number. */
  let shed = 0
  const underWay = new Set<number>()
  /** Damaged entries that are still on disk. */
  const unreadable = new Map<number, StoreEntry>()
  let writing = false
  /** An entry may be here twice: acknowledged as its connection broke, and again after it was sent on the next one. */
  const removing: StoreEntry[] = []
  let whenFlushed: Array<() => void> = []

  function parsed(text: string): AlertMessage | null {
    try {
      return AlertSchema.parse(JSON.parse(text))
    } catch {
      log.error({ text: text.slice(0, 200) }, 'a stored alert cannot be read and is dropped')
      return null
    }
  }

  function add(transition: AlertTransition): void {
    if (unwritten.length >= MAX_UNWRITTEN) {
      const oldestContinue = unwritten.findIndex(({ phase }) => phase === 'continue')
      const [given] = unwritten.splice(Math.max(0, oldestContinue), 1)
      toClear.add(topicOf(given!))
      shed++
      dropped++
    }
    unwritten.push(transition)
    note(transition)
    wake()
  }

  function note(transition: AlertTransition): void {
    const topic = topicOf(transition)
    if (transition.state === 'inactive') open.delete(topic)
    else open.set(topic, transition)
  }

  const relieved = () => overflow.active && bytes < capacityBytes * RELIEVED_BELOW

  function wake(): void {
    if (!writing) void writeAll()
  }

  async function writeAll(): Promise<void> {
    writing = true
    try {
      while (unwritten.length > 0 || unreadable.size > 0 || relieved()) await writeSome()
    } catch (error) {
      log.error({ reason: (error as Error).message }, 'alerts that were not on disk yet are lost')
    } finally {
      writing = false
    }
    for (const settle of whenFlushed) settle()
    whenFlushed = []
  }

  async function writeSome(): Promise<void> {
    const batch = unwritten.splice(0, BATCH)
    inHand = batch
    const operations: StoreOperation[] = []
    let growth = 0
    let count = 0
    const put = (transition: AlertTransition, kind: EntryKind) => {
      const message = alertMessage(transition, { gateway, session: store.session, seq: seq + ++count })
      const value = JSON.stringify(message)
      const size = Buffer.byteLength(value)
      const topic = topicOf(message)
      growth += size
      operations.push({ type: 'put', key: entryKey({ seq: message.seq, kind, bytes: size, topic }), value })
      const key = openAlertKey(topic)
      operations.push(message.state === 'inactive' ? { type: 'del', key } : { type: 'put', key, value })
    }
    for (const transition of batch) put(transition, transition.phase === 'continue' ? 'continue' : 'message')

    const commit = async (chosen: readonly StoreEntry[]) => {
      const damaged = [...unreadable.values()]
      const evicted = [...chosen, ...damaged]
      const told = overflowAlert(evicted, damaged.length)
      if (told !== null) {
        put(told, 'overflow')
        note(told)
      }
      operations.push(...evicted.map(({ key }) => ({ type: 'del', key }) as const))
      for (const { topic } of evicted) toClear.add(topic)
      operations.push(...toClear.changes())
      await store.write(operations, seq + count)
      seq += count
      inHand = []
      messages += count - evicted.length
      bytes += growth - evicted.reduce((sum, entry) => sum + entry.bytes, 0)
      dropped += evicted.length
      for (const { seq } of damaged) unreadable.delete(seq)
    }
    if (bytes + growth <= capacityBytes) await commit([])
    else
      await exclusively(async () => {
        // A disk that cannot be read will not be written either, and `store.write` deals with that.
        await commit(await choose(growth).catch(() => []))
      })
    options.written()
  }

  /** What to give up to make room for so many bytes more. */
  async function choose(growth: number): Promise<StoreEntry[]> {
    const candidates: Record<EntryKind, StoreEntry[]> = { continue: [], message: [], overflow: [] }
    for await (const entry of store.entries())
      if (!underWay.has(entry.seq) && !unreadable.has(entry.seq)) candidates[entry.kind].push(entry)
    const spare = capacityBytes * (1 - EVICTION_SHARE) - growth
    const chosen: StoreEntry[] = []
    let kept = bytes
    for (const entry of [...candidates.continue, ...candidates.message, ...candidates.overflow]) {
      if (kept <= spare || chosen.length >= MAX_LOST_RANGES) break
      chosen.push(entry)
      kept -= entry.bytes
    }
    return chosen
  }

  function overflowAlert(evicted: readonly StoreEntry[], damaged: number): AlertTransition | null {
    if (evicted.length === 0 && shed === 0) return relieved() ? overflow.end() : null
    const unnumbered = shed
    shed = 0
    if (evicted.length > damaged || unnumbered > 0)
      log.warn(
        { evicted: evicted.length, unnumbered, capacityBytes },
        'the outbox is full: alert messages are given up',
      )
    const seqs = evicted.map(entry => entry.seq)
    return overflow.gaveUp(seqs, unnumbered, damaged)
  }

  for (const text of store.found.openAlerts) {
    const message = parsed(text)
    if (message === null) {
      dropped++
      continue
    }
    const last = transitionOf(message)
    open.set(topicOf(last), last)
    if (overflow.resume(last)) continue
    // Before the one of now begins, which has the same topic: whoever ended it later would end that one.
    if (store.damage !== null && last.condition.key === DAMAGED)
      add(say(openAlert(last, clock), clock, { phase: 'end', state: 'inactive' }))
    else unfinished.push(last)
  }
  if (store.damage !== null) add(technicalStart(GATEWAY_DEVICE, DAMAGED, newId(clock.utc()), store.damage, clock))
  if (relieved()) wake()

  return {
    session: store.session,
    get seq() {
      return seq + inHand.length + unwritten.length
    },
    get depth() {
      return { messages, bytes, capacityBytes, writable: !store.troubled }
    },
    get dropped() {
      return dropped
    },
    open,
    toClear,
    unfinished,
    add,
    get written() {
      return seq
    },
    read: (after, upTo, limit) =>
      exclusively(async () => {
        const rows = await store.read(after, upTo, limit)
        for (const [entry] of rows) underWay.add(entry.seq)
        const entries = rows.map(([entry, value]) => ({ ...entry, message: parsed(value) }))
        for (const entry of entries) if (entry.message === null) unreadable.set(entry.seq, entry)
        if (unreadable.size > 0) wake()
        return entries
      }),
    release: () => underWay.clear(),
    async topics(upTo) {
      const topics = new Set([...inHand, ...unwritten].map(topicOf))
      for await (const { seq, topic } of store.entries()) if (seq <= upTo) topics.add(topic)
      return topics
    },
    async remove(entry) {
      // Whoever comes first takes along those who came meanwhile.
      removing.push(entry)
      await exclusively(async () => {
        const removed = await store.remove(removing.splice(0))
        messages -= removed.length
        bytes -= removed.reduce((sum, entry) => sum + entry.bytes, 0)
      })
      underWay.delete(entry.seq)
      if (relieved()) wake()
    },
    flushed: () =>
      new Promise(resolve => {
        if (writing) whenFlushed.push(resolve)
        else resolve()
      }),
    close: () => store.close(),
  }
}

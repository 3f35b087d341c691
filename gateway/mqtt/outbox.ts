import type { UnixMillis } from '../../ecg/units.js'
import type { AlertTransition, SequenceRange } from '../alerts/alert.js'
import type { Clock } from '../alerts/clock.js'
import { type OpenAlert, say } from '../alerts/open-alert.js'
import { technicalStart } from '../alerts/technical-alerts.js'
import { GATEWAY_DEVICE, type TechnicalKey } from '../alerts/technical-conditions.js'
import { alertMessage, transitionOf } from './alert-message.js'
import type { Log } from './log.js'
import { type AlertMessage, AlertSchema } from './messages.js'
import {
  type EntryKind,
  entryKey,
  type OutboxStore,
  openAlertKey,
  type StoreEntry,
  type StoreOperation,
} from './outbox-store.js'

/**
 * Where alert messages are numbered, written and kept until the broker has them. Bounded: when full it gives up `continue`
 * messages first, then the oldest others, and writes an "outbox overflow" alert, which lists their numbers, in the same batch.
 */
export interface Outbox {
  readonly session: number
  /** The number of the last message added so far, even where it is not written yet. */
  readonly seq: number
  readonly depth: { readonly messages: number; readonly bytes: number; readonly capacityBytes: number }
  /** Alert messages given up since the start. */
  readonly dropped: number
  /** The last word on each open alert, by topic. */
  readonly open: ReadonlyMap<string, AlertTransition>
  /** Alerts that an earlier run left open, for the engine to take up; not the outbox's own. */
  readonly unfinished: readonly AlertTransition[]
  /** Takes charge of it; never throws and never waits. */
  add(transition: AlertTransition): void
  /** Entries after a number that are on disk, in order. */
  read(after: number, limit: number): Promise<OutboxEntry[]>
  /** The broker has it, or never will. */
  remove(entry: StoreEntry): Promise<void>
  /** Settles when everything added so far is on disk. */
  flushed(): Promise<void>
  close(): Promise<void>
}

export interface OutboxEntry extends StoreEntry {
  /** Null: damaged, good only to be removed. */
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

const OVERFLOW: TechnicalKey = 'OUTBOX_OVERFLOW'

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
  let { messages, bytes } = store.found
  let { seq } = store
  let inHand = 0
  let dropped = 0
  /** Transitions that were given up before they had a number. */
  let shed = 0
  let readUpTo = 0
  let overflow: OpenAlert | null = null
  let writing: Promise<void> | null = null

  for (const text of store.found.openAlerts) {
    const message = parsed(text)
    if (message === null) continue
    const last = transitionOf(message)
    open.set(topicOf(last), last)
    if (last.condition.key === OVERFLOW) overflow = { last, said: clock.monotonic() }
    else unfinished.push(last)
  }
  if (store.damage !== null)
    add(technicalStart(GATEWAY_DEVICE, 'OUTBOX_DAMAGED', newId(clock.utc()), store.damage, clock))

  function parsed(text: string): AlertMessage | null {
    try {
      return AlertSchema.parse(JSON.parse(text))
    } catch {
      log.error({ text: text.slice(0, 200) }, 'a stored alert cannot be read and is dropped')
      dropped++
      return null
    }
  }

  function add(transition: AlertTransition): void {
    if (unwritten.length >= MAX_UNWRITTEN) {
      const oldestContinue = unwritten.findIndex(({ phase }) => phase === 'continue')
      unwritten.splice(Math.max(0, oldestContinue), 1)
      shed++
      dropped++
    }
    unwritten.push(transition)
    note(transition)
    startWriting()
  }

  function note(transition: AlertTransition): void {
    const topic = topicOf(transition)
    if (transition.state === 'inactive') open.delete(topic)
    else open.set(topic, transition)
  }

  function startWriting(): void {
    writing ??= write()
      .catch((error: Error) =>
        log.error({ reason: error.message }, 'the outbox was closed before all alerts were written'),
      )
      .finally(() => {
        writing = null
      })
  }

  const relieved = () => overflow !== null && bytes < capacityBytes * RELIEVED_BELOW

  async function write(): Promise<void> {
    while (unwritten.length > 0 || relieved()) {
      const batch = unwritten.splice(0, BATCH)
      inHand = batch.length
      const operations: StoreOperation[] = []
      let growth = 0
      let count = 0
      const put = (transition: AlertTransition, kind: EntryKind) => {
        const message = alertMessage(transition, { gateway, session: store.session, seq: seq + count + 1 })
        const value = JSON.stringify(message)
        const size = Buffer.byteLength(value)
        operations.push({ type: 'put', key: entryKey(message.seq, kind, size), value })
        const key = openAlertKey(topicOf(message))
        operations.push(message.state === 'inactive' ? { type: 'del', key } : { type: 'put', key, value })
        count++
        growth += size
      }
      for (const transition of batch) put(transition, transition.phase === 'continue' ? 'continue' : 'message')
      const evicted = bytes + growth > capacityBytes ? await choose(growth) : []
      const told = overflowAlert(evicted)
      if (told !== null) {
        put(told, 'overflow')
        note(told)
      }
      operations.push(...evicted.map(({ key }) => ({ type: 'del', key }) as const))
      await store.write(operations, seq + count)
      seq += count
      inHand = 0
      messages += count - evicted.length
      bytes += growth - evicted.reduce((sum, entry) => sum + entry.bytes, 0)
      dropped += evicted.length
      options.written()
    }
  }

  /** What to give up to make room for so many bytes more. What the sender has read is under way to the broker and stays. */
  async function choose(growth: number): Promise<StoreEntry[]> {
    // A disk that cannot be read will not be written either, and `store.write` deals with that.
    const entries = await store.entries().catch((): StoreEntry[] => [])
    const spare = capacityBytes * (1 - EVICTION_SHARE) - growth
    const chosen: StoreEntry[] = []
    let kept = bytes
    for (const kind of ['continue', 'message', 'overflow'] satisfies EntryKind[])
      for (const entry of entries) {
        if (kept <= spare || chosen.length >= MAX_LOST_RANGES) return chosen
        if (entry.kind !== kind || entry.seq <= readUpTo) continue
        chosen.push(entry)
        kept -= entry.bytes
      }
    return chosen
  }

  function overflowAlert(evicted: readonly StoreEntry[]): AlertTransition | null {
    if (evicted.length === 0 && shed === 0) {
      if (!relieved()) return null
      const end = say(overflow!, clock, { phase: 'end', state: 'inactive' })
      overflow = null
      return end
    }
    const lost = ranges(evicted.map(entry => entry.seq))
    const more = shed > 0 ? ` and ${shed} that the disk did not take` : ''
    const detail = `The outbox of ${capacityBytes} bytes is full: gave up ${evicted.length} stored alert messages${more}`
    shed = 0
    log.warn({ evicted: evicted.length }, detail)
    if (overflow === null) {
      const last = technicalStart(GATEWAY_DEVICE, OVERFLOW, newId(clock.utc()), detail, clock)
      overflow = { last: { ...last, evidence: { detail, lost } }, said: clock.monotonic() }
      return overflow.last
    }
    return say(overflow, clock, { phase: 'update', evidence: { detail, lost } })
  }

  return {
    session: store.session,
    get seq() {
      return seq + inHand + unwritten.length
    },
    get depth() {
      return { messages, bytes, capacityBytes }
    },
    get dropped() {
      return dropped
    },
    open,
    unfinished,
    add,
    async read(after, limit) {
      const rows = await store.read(after, limit)
      readUpTo = rows.at(-1)?.[0].seq ?? after
      return rows.map(([entry, value]) => ({ ...entry, message: parsed(value) }))
    },
    async remove(entry) {
      await store.remove(entry)
      messages--
      bytes -= entry.bytes
      if (relieved()) startWriting()
    },
    flushed: async () => {
      await writing
    },
    close: () => store.close(),
  }
}

/** Ascending numbers as ranges. */
function ranges(numbers: readonly number[]): SequenceRange[] {
  const result: Array<{ from: number; to: number }> = []
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = result.at(-1)
    if (last !== undefined && last.to === number - 1) last.to = number
    else result.push({ from: number, to: number })
  }
  return result
}

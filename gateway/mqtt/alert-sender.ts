import type { Clock } from '../alerts/clock.js'
import { published } from './alert-message.js'
import type { Connection } from './broker-link.js'
import type { Log } from './log.js'
import type { AlertMessage } from './messages.js'
import type { Outbox, OutboxEntry } from './outbox.js'
import { createPace, type Pace } from './pace.js'
import type { Timing } from './timing.js'

/** Alert messages without a PUBACK at any time: enough to fill a mobile link, few enough to repeat after a cut. */
const MAX_IN_FLIGHT = 32
/** Of these, how many may come from the backlog, so that a live alert never waits for it. */
const MAX_BACKLOG_IN_FLIGHT = 16

/**
 * What an outage stored goes out at once up to this many messages, and then at this rate: brokers keep few messages for a
 * subscriber that does not keep up (mosquitto 1000, by default) and drop the rest without a word.
 */
const BACKLOG_BURST = 200
const BACKLOG_PER_SECOND = 500

/** Reason codes of MQTT 5 from here on say that the broker does not take a message. */
const FIRST_REFUSAL = 0x80

/** Live alerts on topics of the backlog wait for its end, in memory up to this many and otherwise on disk. */
const MAX_DEFERRED = 1000

export interface AlertSender {
  /** `caughtUp`: all of the backlog has been sent. */
  attach(connection: Connection, caughtUp: () => void): void
  detach(): void
  /** There may be something new to send. */
  wake(): void
  /** Settles when the outbox is empty. */
  drained(): Promise<void>
}

export interface AlertSenderOptions {
  readonly outbox: Outbox
  readonly topicOf: (alert: Pick<AlertMessage, 'device' | 'condition'>) => string
  readonly clock: Clock
  readonly timing: Pick<Timing, 'refusedAgain'>
  readonly log: Log
}

/** What goes out on one connection. */
interface Run {
  readonly connection: Connection
  readonly caughtUp: () => void
  /** The backlog: numbers up to this one were given out before the connection was made. */
  readonly backlogEnd: number
  readonly pace: Pace
  /** Topics of the backlog; null while they are being read, and where they cannot be. */
  topics: ReadonlySet<string> | null
  backlogDone: boolean
  /** The last number sent from the backlog, and of those after it. */
  backlogSent: number
  liveSent: number
  deferred: OutboxEntry[]
  inFlight: number
  timer: NodeJS.Timeout | undefined
  /** Topics that the broker refuses: nothing more is sent on them, so that their alerts stay in order. */
  readonly refused: Set<string>
  refusedTimer: NodeJS.Timeout | undefined
}

/**
 * Takes alert messages from the outbox to the broker and removes each when the broker has acknowledged it. A new connection
 * begins with the oldest again: the backlog in order, as historical, no faster than its pace; live alerts overtake it where it
 * has nothing on their topic, so that the messages of one alert are always in order.
 */
export function createAlertSender({ outbox, topicOf, clock, timing, log }: AlertSenderOptions): AlertSender {
  let run: Run | null = null
  let pumping = false
  let again = false
  let whenDrained: Array<() => void> = []

  async function deliver(on: Run, entry: OutboxEntry): Promise<void> {
    if (entry.message === null || on.refused.has(entry.topic)) return
    on.inFlight++
    try {
      await publish(on, entry.message)
    } catch (error) {
      if (on !== run) return
      on.inFlight--
      refuse(on, entry.topic, error as Error & { code?: unknown })
      return
    }
    await outbox.remove(entry).catch((error: Error) => {
      log.warn(
        { seq: entry.seq, reason: error.message },
        'a delivered alert could not be removed and will be sent again',
      )
    })
    on.inFlight--
    wake()
  }

  function refuse(on: Run, topic: string, { code, message }: Error & { code?: unknown }): void {
    if (typeof code !== 'number' || code < FIRST_REFUSAL)
      return void on.connection.drop(`the broker refused an alert: ${message}`)
    if (!on.refused.has(topic)) log.error({ topic, reason: message }, 'the broker refuses the alerts of this topic')
    on.refused.add(topic)
    outbox.toClear.add(topic) // it may have taken a later message, the last word, and will get the earlier ones after it
    // On the same connection: to drop it would tell everybody, by the will, that the gateway is offline.
    on.refusedTimer ??= setTimeout(() => {
      detach()
      attach(on.connection, on.caughtUp)
    }, timing.refusedAgain)
    wake()
  }

  async function publish({ connection, backlogEnd }: Run, stored: AlertMessage): Promise<void> {
    const topic = topicOf(stored)
    const over = stored.state === 'inactive'
    const payload = JSON.stringify(published(stored, clock.utc(), stored.seq <= backlogEnd))
    const publications = [connection.publish({ topic, payload, qos: 1, retain: !over, schema: stored.schema })]
    // The last word is followed, on the same topic and so in this order, by the empty message that clears what is retained.
    // The entry stays until both are acknowledged, so that a crash in between repeats both.
    if (over) publications.push(connection.publish({ topic, payload: '', qos: 1, retain: true }))
    await Promise.all(publications)
  }

  /** Topics that have nothing more to come and are still retained. */
  function clear({ connection }: Run): void {
    for (const topic of outbox.toClear)
      if (outbox.open.has(topic)) outbox.toClear.done(topic)
      else
        connection.publish({ topic, payload: '', qos: 1, retain: true }).then(
          () => outbox.toClear.done(topic),
          () => {}, // the connection broke: on the next one
        )
  }

  async function sendBacklog(on: Run): Promise<void> {
    const room = MAX_BACKLOG_IN_FLIGHT - on.inFlight
    if (on.backlogDone || room <= 0) return
    const { available } = on.pace
    if (available === 0) {
      clearTimeout(on.timer)
      on.timer = setTimeout(wake, on.pace.wait)
      return
    }
    const complete = outbox.written >= on.backlogEnd // before reading: what is written meanwhile may be missed
    const entries = await outbox.read(on.backlogSent, on.backlogEnd, Math.min(room, available))
    if (on !== run) return
    for (const entry of entries) {
      on.backlogSent = entry.seq
      on.pace.take()
      void deliver(on, entry)
    }
    if (entries.length > 0) again = true
    else if (complete) {
      on.backlogDone = true
      clear(on)
      on.caughtUp()
    }
  }

  async function sendLive(on: Run): Promise<void> {
    if (on.topics === null && !on.backlogDone) return
    if (on.backlogDone) for (const entry of on.deferred.splice(0, MAX_IN_FLIGHT - on.inFlight)) void deliver(on, entry)
    const room = MAX_IN_FLIGHT - on.inFlight
    const full = on.deferred.length >= (on.backlogDone ? 1 : MAX_DEFERRED)
    if (room <= 0 || full) return
    const entries = await outbox.read(on.liveSent, Number.MAX_SAFE_INTEGER, room)
    if (on !== run) return
    for (const entry of entries) {
      on.liveSent = entry.seq
      if (!on.backlogDone && on.topics?.has(entry.topic)) on.deferred.push(entry)
      else void deliver(on, entry)
    }
    if (entries.length > 0) again = true
  }

  async function pump(): Promise<void> {
    pumping = true
    try {
      do {
        again = false
        if (run !== null) await sendLive(run)
        if (run !== null) await sendBacklog(run)
      } while (again)
    } catch (error) {
      log.error({ reason: (error as Error).message }, 'stored alerts cannot be read; trying again with the next one')
    } finally {
      pumping = false
    }
    if (outbox.depth.messages > 0) return
    if (run?.backlogDone) clear(run)
    for (const settle of whenDrained) settle()
    whenDrained = []
  }

  function wake(): void {
    again = true
    if (!pumping) void pump()
  }

  function attach(connection: Connection, caughtUp: () => void): void {
    const on: Run = {
      connection,
      caughtUp,
      backlogEnd: outbox.seq,
      pace: createPace(BACKLOG_PER_SECOND, BACKLOG_BURST, clock),
      topics: null,
      backlogDone: false,
      backlogSent: 0,
      liveSent: outbox.seq,
      deferred: [],
      inFlight: 0,
      timer: undefined,
      refused: new Set(),
      refusedTimer: undefined,
    }
    run = on
    // Which topics the backlog has is known before any of it goes out, so that a live alert of another one waits for nothing.
    outbox
      .topics(on.backlogEnd)
      .then(
        topics => {
          on.topics = topics
        },
        () => {}, // then live alerts wait for the end of the backlog
      )
      .finally(wake)
  }

  function detach(): void {
    clearTimeout(run?.timer)
    clearTimeout(run?.refusedTimer)
    run = null
    outbox.release()
  }

  return {
    attach,
    detach,
    wake,
    drained: () =>
      new Promise(resolve => {
        whenDrained.push(resolve)
        wake()
      }),
  }
}

import type { Clock } from '../alerts/clock.js'
import { published } from './alert-message.js'
import type { Connection } from './broker-link.js'
import type { Log } from './log.js'
import type { AlertMessage } from './messages.js'
import type { Outbox, OutboxEntry } from './outbox.js'

/** Alert messages without a PUBACK at any time: enough to fill a mobile link, few enough to repeat after a cut. */
const MAX_IN_FLIGHT = 32

export interface AlertSender {
  attach(connection: Connection): void
  detach(): void
  /** There may be something new to send. */
  wake(): void
  /** Settles when the outbox is empty. */
  drained(): Promise<void>
}

/**
 * Takes alert messages from the outbox to the broker, in the order of their numbers, and removes each when the broker has
 * acknowledged it. A new connection begins with the oldest again.
 */
export function createAlertSender({
  outbox,
  topicOf,
  clock,
  log,
}: {
  outbox: Outbox
  topicOf: (alert: Pick<AlertMessage, 'device' | 'condition'>) => string
  clock: Clock
  log: Log
}): AlertSender {
  let connection: Connection | null = null
  /** Numbers up to this one were given out before the connection was made: the broker was away, or did not acknowledge. */
  let historicalUpTo = 0
  let sent = 0
  let inFlight = 0
  let pumping = false
  let again = false
  let whenDrained: Array<() => void> = []

  async function deliver(on: Connection, entry: OutboxEntry): Promise<void> {
    inFlight++
    try {
      if (entry.message !== null) await publish(on, entry.message)
    } catch (error) {
      if (on === connection) on.drop(`the broker refused an alert: ${(error as Error).message}`)
      return
    }
    await outbox.remove(entry).catch((error: Error) => {
      log.warn(
        { seq: entry.seq, reason: error.message },
        'a delivered alert could not be removed and will be sent again',
      )
    })
    if (on !== connection) return
    inFlight--
    wake()
  }

  async function publish(on: Connection, stored: AlertMessage): Promise<void> {
    const topic = topicOf(stored)
    const over = stored.state === 'inactive'
    const payload = JSON.stringify(published(stored, clock.utc(), stored.seq <= historicalUpTo))
    const publications = [on.publish({ topic, payload, qos: 1, retain: !over })]
    // The last word is followed, on the same topic and so in this order, by the empty message that clears what is retained.
    // The entry stays until both are acknowledged, so that a crash in between repeats both.
    if (over) publications.push(on.publish({ topic, payload: '', qos: 1, retain: true }))
    await Promise.all(publications)
  }

  async function pump(): Promise<void> {
    pumping = true
    try {
      do {
        again = false
        await sendSome()
      } while (again)
    } catch (error) {
      log.error({ reason: (error as Error).message }, 'stored alerts cannot be read; trying again with the next one')
    } finally {
      pumping = false
    }
    if (outbox.depth.messages > 0) return
    for (const settle of whenDrained) settle()
    whenDrained = []
  }

  async function sendSome(): Promise<void> {
    const on = connection
    const room = MAX_IN_FLIGHT - inFlight
    if (on === null || room <= 0) return
    const entries = await outbox.read(sent, room)
    if (on !== connection) return
    for (const entry of entries) {
      sent = entry.seq
      void deliver(on, entry)
    }
  }

  function wake(): void {
    again = true
    if (!pumping) void pump()
  }

  return {
    attach(next) {
      connection = next
      historicalUpTo = outbox.seq
      sent = 0
      inFlight = 0
      wake()
    },
    detach() {
      connection = null
    },
    wake,
    drained: () =>
      new Promise(resolve => {
        whenDrained.push(resolve)
        wake()
      }),
  }
}

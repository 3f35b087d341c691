import { setTimeout as delay } from 'node:timers/promises'
import mqtt from 'mqtt'
import type { Test } from 'tap'
import type { AlertMessage } from '../../../gateway/mqtt/messages.js'
import { objection } from './message-schemas.js'

/** An MQTT subscriber of everything, which holds every message against the published JSON Schemas. */

export interface Received {
  readonly topic: string
  /** Null: the empty message that clears a retained one. */
  readonly message: Record<string, unknown> | null
  /** As the broker said: true for what was retained before the subscription. */
  readonly retained: boolean
  /** MQTT 5 only. */
  readonly properties: object | undefined
}

export interface Subscriber {
  readonly received: Received[]
  /** Alert messages, in the order in which they came. */
  readonly alerts: AlertMessage[]
  /** Settles when it holds, looked at again and again. */
  until(what: string, holds: () => boolean): Promise<void>
  /** Settles when the broker has it. */
  publish(topic: string, payload: string, retain?: boolean): Promise<void>
  /** The newest message on a topic that ends so. */
  last(topicEnd: string): Record<string, unknown> | null | undefined
  end(): Promise<void>
}

/** Fails the test when something does not come; far above what any of it takes. */
const PATIENCE_MS = 60_000
const POLL_MS = 5

let subscribers = 0

export async function subscribe(
  t: Test,
  url: URL | string,
  base = 'ecg',
  protocolVersion: 4 | 5 = 4,
): Promise<Subscriber> {
  const client = mqtt.connect(String(url), {
    clientId: `subscriber-${process.pid}-${subscribers++}`,
    protocolVersion,
    clean: false, // what the broker takes while it cannot be passed on is passed on later
    ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 3600 } }),
    reconnectPeriod: 20,
    resubscribe: true,
  })
  const received: Received[] = []
  const alerts: AlertMessage[] = []
  client.on('error', () => {})
  client.on('message', (topic, payload, { retain, properties }) => {
    if (/\/cmd\//.test(topic)) return // what others say to the gateway
    const message = payload.length === 0 ? null : JSON.parse(payload.toString())
    if (message !== null) {
      const wrong = objection(topic, message)
      if (wrong !== null) t.fail(wrong)
      if (message.schema === 'urn:ecgclip:alert:1') alerts.push(message)
    }
    received.push({ topic, message, retained: retain, properties })
  })
  await new Promise<void>(resolve => client.once('connect', () => resolve()))
  await client.subscribeAsync(`${base}/#`, { qos: 1 })
  const end = () => client.endAsync(true)
  t.teardown(end)
  return {
    received,
    alerts,
    async until(what, holds) {
      for (let waited = 0; !holds(); waited += POLL_MS) {
        if (waited >= PATIENCE_MS) {
          const tail = received.slice(-5).map(({ topic, message }) => `${topic} ${JSON.stringify(message)}`)
          throw new Error(`never came: ${what}; the last of ${received.length} messages:\n${tail.join('\n')}`)
        }
        await delay(POLL_MS)
      }
    },
    publish: (topic, payload, retain = false) => client.publishAsync(topic, payload, { qos: 1, retain }).then(() => {}),
    last: topicEnd => received.findLast(({ topic }) => topic.endsWith(topicEnd))?.message,
    end,
  }
}

/** Numbers that are missing between the first and the last. */
export function gaps(alerts: readonly AlertMessage[], from = 1): number[] {
  const seen = new Set(alerts.map(({ seq }) => seq))
  const last = alerts.reduce((highest, { seq }) => Math.max(highest, seq), 0)
  return Array.from({ length: last - from + 1 }, (_, i) => from + i).filter(seq => !seen.has(seq))
}

import mqtt, { type MqttClient } from 'mqtt'
import { type Millis, Seconds } from '../../ecg/units.js'
import type { Clock } from '../alerts/clock.js'
import { createBackOff } from './back-off.js'
import { type BrokerOptions, brokerName, credentials } from './broker-options.js'
import type { Log } from './log.js'
import { mqtt5Properties } from './mqtt5-properties.js'
import type { Publication } from './publication.js'
import type { Timing } from './timing.js'
import { within } from './within.js'

/** One connection to the broker, from CONNACK until it breaks; never reused afterwards. */
export interface Connection {
  /** QoS 1: settles with the PUBACK; QoS 0: when it is written. Rejects when the connection breaks first or the broker refuses it. */
  publish(publication: Publication): Promise<void>
  /** QoS 1. A broker that does not allow it says nothing, and nothing comes. */
  subscribe(topic: string, received: (payload: Buffer, retained: boolean) => void): void
  /** Gives the connection up, if it still stands; a new one is made. */
  drop(reason: string): void
}

export interface BrokerLink {
  /** Null while the broker is away. */
  readonly connection: Connection | null
  /** Connections made since the start. */
  readonly connects: number
  /** Says DISCONNECT, so that the will is not published, and tries no more. */
  stop(): Promise<void>
}

export interface BrokerLinkOptions {
  readonly url: URL
  readonly broker: BrokerOptions
  readonly clientId: string
  readonly will: Publication
  readonly clock: Clock
  readonly timing: Timing
  readonly log: Log
  /** Called before anything else can be published on the connection. */
  readonly connected: (connection: Connection) => void
  readonly lost: () => void
}

/** A connection must last this long before the next failure starts again at the shortest wait. */
const STABLE_AFTER = Seconds(5)

/** Keeps a connection to the broker, for ever, also when the broker is not there at the start. */
export function keepConnected(options: BrokerLinkOptions): BrokerLink {
  const { url, broker, will, clock, timing, log } = options
  const name = brokerName(url)
  const backOff = createBackOff(timing.reconnectFirst, timing.reconnectCap, Math.random)
  let current: OpenConnection | null = null
  let client: MqttClient | null = null
  let retry: NodeJS.Timeout | undefined
  let stopped = false
  let connects = 0
  /** The last reason given in the log: a broker that is away is said once, not at every attempt. */
  let complained: string | null = null

  function attempt(): void {
    try {
      client = mqtt.connect({
        host: url.hostname.replace(/^\[|\]$/g, ''),
        ...(url.port !== '' && { port: Number(url.port) }),
        protocol: url.protocol === 'mqtts:' ? 'mqtts' : 'mqtt',
        protocolVersion: broker.protocolVersion ?? 4,
        clientId: options.clientId,
        clean: true,
        writeCache: false, // or a Buffer is kept for each of the 65,536 numbers
        keepalive: timing.keepalive / 1000,
        connectTimeout: timing.connectTimeout,
        reconnectPeriod: 0, // one client object is one connection; the waits between them are ours
        queueQoSZero: false,
        will: {
          topic: will.topic,
          payload: Buffer.from(will.payload),
          qos: will.qos,
          retain: will.retain,
          ...(broker.protocolVersion === 5 && { properties: mqtt5Properties(will) }),
        },
        ...credentials(url, broker),
      })
    } catch (error) {
      failed((error as Error).message)
      return
    }
    follow(client)
  }

  function follow(client: MqttClient): void {
    let reason = 'the connection was closed'
    let givenUp = false
    client.on('error', error => {
      reason = error.message || (error as NodeJS.ErrnoException).code || String(error)
    })
    client.on('disconnect', packet => {
      reason = `the broker disconnected, reason ${packet.reasonCode}`
    })
    client.once('connect', () => {
      connects++
      complained = null
      log.info({ broker: name }, 'connected to the broker')
      const connection = openConnection(client, options, why => {
        if (givenUp) return
        givenUp = true
        reason = why
        client.end(true)
      })
      current = connection
      options.connected(connection)
    })
    client.once('close', () => {
      givenUp = true
      if (current !== null) {
        if (clock.monotonic() - current.since >= STABLE_AFTER) backOff.reset()
        options.lost()
        current.closed(reason)
        current = null
      }
      client.end(true)
      failed(reason)
    })
  }

  function failed(reason: string): void {
    if (stopped) return
    if (reason !== complained) log.warn({ broker: name, reason }, 'the broker is away; trying again until it is back')
    complained = reason
    retry = setTimeout(attempt, backOff.next())
  }

  attempt()
  return {
    get connection() {
      return current
    },
    get connects() {
      return connects
    },
    async stop() {
      stopped = true
      clearTimeout(retry)
      if (client === null) return
      // With something unacknowledged a graceful end would wait for it; cut short, the broker publishes the will, which says the same.
      const force = current === null || current.unacknowledged > 0
      await within(timing.stopWithin, client.endAsync(force))
      client.stream.destroy()
    },
  }
}

interface OpenConnection extends Connection {
  readonly since: Millis
  readonly unacknowledged: number
  closed(reason: string): void
}

function openConnection(
  client: MqttClient,
  { clock, timing, broker }: BrokerLinkOptions,
  drop: (reason: string) => void,
): OpenConnection {
  const since = clock.monotonic()
  /** QoS 1 publications that the broker allows to be unacknowledged (MQTT 5.0, 3.3.4); MQTT.js does not see to it. */
  const receiveMaximum = client.serverProperties?.receiveMaximum ?? 65_535
  const waiting: Array<() => void> = []
  /** Publications under way. MQTT.js never calls back those that a broken connection left waiting for the socket, so they end here. */
  const pending = new Set<(error: Error) => void>()
  const subscribers = new Map<string, (payload: Buffer, retained: boolean) => void>()
  let unacknowledged = 0
  let progress = since
  client.on('message', (topic, payload, { retain }) => subscribers.get(topic)?.(payload, retain))
  const watch = setInterval(() => {
    if (unacknowledged > 0 && clock.monotonic() - progress >= timing.acknowledgeWithin)
      drop('the broker acknowledges nothing')
  }, timing.acknowledgeWithin / 4)

  function send(publication: Publication, settled: (error?: Error) => void): void {
    const { topic, payload, qos, retain } = publication
    if (qos === 1 && unacknowledged++ === 0) progress = clock.monotonic()
    const properties = broker.protocolVersion === 5 ? { properties: mqtt5Properties(publication) } : {}
    client.publish(topic, payload, { qos, retain, ...properties }, error => {
      if (qos === 1) {
        unacknowledged--
        progress = clock.monotonic()
        waiting.shift()?.()
      }
      settled(error)
    })
  }

  return {
    since,
    drop,
    get unacknowledged() {
      return unacknowledged
    },
    publish: publication =>
      new Promise((resolve, reject) => {
        const settled = (error?: Error) => {
          if (!pending.delete(settled)) return
          if (error) reject(error)
          else resolve()
        }
        pending.add(settled)
        if (publication.qos === 1 && unacknowledged >= receiveMaximum) waiting.push(() => send(publication, settled))
        else send(publication, settled)
      }),
    subscribe(topic, received) {
      subscribers.set(topic, received)
      client.subscribe(topic, { qos: 1 })
    },
    closed(reason) {
      clearInterval(watch)
      waiting.length = 0
      for (const settled of pending) settled(new Error(reason))
    },
  }
}

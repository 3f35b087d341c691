import type { UnixMillis } from '../../ecg/units.js'
import type { AlertTransition } from '../alerts/alert.js'
import type { AssessedWindow } from '../alerts/assessed-window.js'
import type { Clock } from '../alerts/clock.js'
import type { EvidenceFormat } from '../alerts/evidence-format.js'
import type { EvidenceWindow } from '../alerts/evidence-window.js'
import { createAlertSender } from './alert-sender.js'
import { assessmentMessage } from './assessment-message.js'
import { type BrokerLink, type Connection, keepConnected } from './broker-link.js'
import { type BrokerOptions, brokerUrl, EMBEDDED } from './broker-options.js'
import { type CommandHandler, command } from './command.js'
import { answerCommands } from './command-dispatcher.js'
import { HealthCommandSchema } from './command-messages.js'
import { type DeviceReport, deviceStateMessage } from './device-state-message.js'
import { startEmbeddedBroker } from './embedded-broker.js'
import { evidenceMessage } from './evidence-message.js'
import { createHealthReporter, type HealthReport } from './health-reporter.js'
import { json } from './json-publication.js'
import { createLatestValues } from './latest-values.js'
import type { Log } from './log.js'
import { rfc3339, type StateMessage } from './messages.js'
import { MessagingError } from './messaging-error.js'
import { createOutbox, type Outbox } from './outbox.js'
import { openOutboxStore } from './outbox-store.js'
import type { Publication } from './publication.js'
import { TIMING, type Timing } from './timing.js'
import { topicsOf } from './topics.js'
import { within } from './within.js'

export interface MessagingOptions {
  readonly broker: BrokerOptions
  /** Base of all topics. */
  readonly base: string
  readonly gateway: string
  /** Version of the gateway program. */
  readonly version: string
  /** Folder of the outbox and the sequence numbers; one gateway each. */
  readonly dataFolder: string
  readonly clock: Clock
  /** A new ULID. */
  readonly newId: (now: UnixMillis) => string
  readonly log: Log
  /** Asked once a minute. */
  readonly health: () => HealthReport
  /** 1: `publishAssessment` settles with the PUBACK. 0 by default. */
  readonly assessmentQos?: 0 | 1
  readonly outboxBytes?: number
  /** By default made of the gateway's id. Two connections with the same one throw each other out. */
  readonly clientId?: string
  readonly timing?: Timing
}

export interface Messaging {
  /** Where the broker is, also when it is embedded. */
  readonly url: URL
  readonly session: number
  /** Alerts that an earlier run left open: for `AlertEngine.resume`, whose answer is to be published. */
  readonly unfinished: readonly AlertTransition[]
  readonly counters: Readonly<MessagingCounters>
  /** Numbers it, puts it on disk, and delivers it at least once, whatever happens meanwhile. */
  publishAlert(transition: AlertTransition): void
  /** True when it was written to the broker (QoS 1: acknowledged); false when it was dropped, which is counted. Never rejects. */
  publishAssessment(device: string, assessed: AssessedWindow): Promise<boolean>
  publishDeviceState(device: string, report: DeviceReport): void
  /** Answers when the broker has it. Rejects when it cannot have it now: evidence is asked for again, not stored. */
  publishEvidence(window: EvidenceWindow, format: EvidenceFormat): Promise<void>
  /** Takes these commands from now on, on this connection and on all that follow. */
  answer(commands: readonly CommandHandler[]): void
  /** Delivers what it can within a few seconds, says offline and disconnects. The rest stays on disk. */
  stop(): Promise<void>
}

export interface MessagingCounters {
  readonly connected: boolean
  readonly connects: number
  readonly assessmentsPublished: number
  readonly assessmentsDropped: number
  readonly alertsDropped: number
  readonly outboxMessages: number
  readonly outboxBytes: number
  readonly outboxCapacityBytes: number
}

/** 256 MiB: about 200,000 alert messages. The LevelDB around them may take twice that until it compacts. */
const OUTBOX_BYTES = 256 * 2 ** 20

/** Assessments that the broker has not taken yet; beyond it they are dropped, for the next one is never far. */
const MAX_ASSESSMENTS_UNDER_WAY = 256

/**
 * Connects a gateway with its subscribers. Fails only for what a person must mend (a URL that cannot be used, a port or a
 * data folder that is taken); a broker that is away is waited for.
 */
export async function startMessaging(options: MessagingOptions): Promise<Messaging> {
  const { broker, gateway, clock, log, newId, assessmentQos = 0, timing = TIMING } = options
  const topics = topicsOf(options.base, gateway)
  const embedded = broker.url === EMBEDDED ? await startEmbeddedBroker(broker.embeddedPort ?? 0) : null
  const url = brokerUrl(embedded?.url ?? broker.url, broker.allowPlaintext ?? false)
  const store = await openOutboxStore(options.dataFolder, timing.diskRetry, log).catch(async error => {
    await embedded?.close()
    throw error
  })
  const { session } = store
  const topicOf = ({ device, condition }: Pick<AlertTransition, 'device' | 'condition'>) =>
    topics.alert(device, condition.key)
  const outbox: Outbox = createOutbox({
    store,
    gateway,
    topicOf,
    capacityBytes: options.outboxBytes ?? OUTBOX_BYTES,
    clock,
    newId,
    log,
    written: () => sender.wake(),
  })
  const sender = createAlertSender({ outbox, topicOf, clock, timing, log })
  const latest = createLatestValues()
  const started = rfc3339(clock.utc())
  let assessmentsPublished = 0
  let assessmentsDropped = 0
  let assessmentsUnderWay = 0
  let evidenceDropped = 0

  const state = (message: StateMessage): Publication => json(topics.state, message, 1, true)
  const offline = state({ state: 'offline', session })
  const birth = state({ state: 'online', session, version: options.version, started })

  function connected(connection: Connection): void {
    connection.publish(birth).catch((error: Error) => connection.drop(`the broker refused the birth: ${error.message}`))
    latest.attach(connection)
    reportHealth()
    const openBefore = [...outbox.open.keys()]
    sender.attach(connection, () => {
      // After all that was stored, so that the newest word on an alert is the last that comes.
      for (const topic of openBefore) {
        const alert = outbox.open.get(topic)
        if (alert !== undefined) outbox.add({ ...alert, phase: 'continue', changed: clock.utc(), latencyMs: 0 })
      }
    })
    answerCommands(connection, topics, commands, log)
  }

  const commands: CommandHandler[] = [command('health', HealthCommandSchema, () => health())]
  const healthReporter = createHealthReporter({ gateway, session, version: options.version, clock })
  const health = () =>
    healthReporter(options.health(), outbox.depth, {
      assessments: assessmentsDropped,
      alerts: outbox.dropped,
      evidence: evidenceDropped,
    })
  const reportHealth = () => latest.set(json(topics.health, health(), 0, true, timing.healthExpires))

  const link: BrokerLink = keepConnected({
    url,
    broker,
    clientId: options.clientId ?? `ecgclip-${gateway}`,
    will: offline,
    clock,
    timing,
    log,
    connected,
    lost() {
      latest.detach()
      sender.detach()
    },
  })

  const healthTimer = setInterval(reportHealth, timing.healthEvery)

  return {
    url,
    session,
    unfinished: outbox.unfinished,
    get counters() {
      const { messages, bytes, capacityBytes } = outbox.depth
      return {
        connected: link.connection !== null,
        connects: link.connects,
        assessmentsPublished,
        assessmentsDropped,
        alertsDropped: outbox.dropped,
        outboxMessages: messages,
        outboxBytes: bytes,
        outboxCapacityBytes: capacityBytes,
      }
    },
    publishAlert: transition => outbox.add(transition),
    async publishAssessment(device, assessed) {
      const { connection } = link
      if (connection === null || assessmentsUnderWay >= MAX_ASSESSMENTS_UNDER_WAY) {
        assessmentsDropped++
        return false
      }
      assessmentsUnderWay++
      try {
        const message = assessmentMessage(gateway, device, assessed)
        await connection.publish(
          json(topics.assessment(device), message, assessmentQos, false, timing.assessmentExpires),
        )
        assessmentsPublished++
        return true
      } catch {
        assessmentsDropped++
        return false
      } finally {
        assessmentsUnderWay--
      }
    },
    publishDeviceState(device, report) {
      const message = deviceStateMessage(gateway, device, clock.utc(), report)
      latest.set(json(topics.deviceState(device), message, 1, true))
    },
    async publishEvidence(window, format) {
      const { connection } = link
      const { id, device } = window.alert
      try {
        if (connection === null) throw new Error('it is not connected')
        const message = evidenceMessage(gateway, window, format)
        await connection.publish(json(topics.evidence(device, id), message, 1, false, timing.evidenceExpires))
      } catch (cause) {
        evidenceDropped++
        throw new MessagingError(
          'BROKER_AWAY',
          `The broker did not take the evidence (${(cause as Error).message}): ask for it again (cmd/evidence).`,
          { cause },
        )
      }
    },
    answer(more) {
      commands.push(...more)
      if (link.connection !== null) answerCommands(link.connection, topics, more, log)
    },
    async stop() {
      clearInterval(healthTimer)
      await within(timing.stopWithin, outbox.flushed())
      const { connection } = link
      if (connection !== null) {
        await within(timing.stopWithin, sender.drained())
        await within(timing.stopWithin, connection.publish(offline))
      }
      await link.stop()
      await outbox.close()
      await embedded?.close()
    },
  }
}

import { join } from 'node:path'
import { setInterval } from 'node:timers'
import { isDeepStrictEqual } from 'node:util'
import { monotonicFactory } from 'ulid'
import { Millis, Seconds, UnixMillis } from '../ecg/units.js'
import { openDevice } from '../firmware-bridge/devices/open-device.js'
import { monotonicNow } from '../firmware-bridge/transport/monotonic-now.js'
import { type Bundle, verifyBundle } from '../models/bundle/load-bundle.js'
import type { Manifest, Task } from '../models/bundle/manifest.js'
import { overlaid } from '../models/overlay/overlaid.js'
import { OverlayError } from '../models/overlay/overlay-error.js'
import { openModelStore } from '../models/store/model-store.js'
import { alertCommands } from './alert-commands.js'
import { type Alerting, createAlerting } from './alerting.js'
import type { Clock } from './alerts/clock.js'
import { findingRules } from './alerts/finding-rule.js'
import { GATEWAY_DEVICE } from './alerts/technical-conditions.js'
import { type ChangedKeys, changedKeys } from './config/changed-keys.js'
import type { Config } from './config/config.js'
import { createDevicePipelines } from './device-pipelines.js'
import { type BundleEngine, startEngine } from './inference/start-engine.js'
import { lendDevices } from './lending/lend-devices.js'
import { startMirrors } from './mirrors.js'
import { modelCommands } from './model/model-commands.js'
import { type ModelService, startModelService } from './model/model-service.js'
import { healthRoutes } from './monitor/health-routes.js'
import { createMetrics } from './monitor/metrics.js'
import { createMonitor, type Monitor } from './monitor/monitor.js'
import type { Log } from './mqtt/log.js'
import { type Messaging, startMessaging } from './mqtt/messaging.js'
import { createClockWatch } from './service/clock-watch.js'
import { createHostClock } from './service/host-clock.js'
import { returnMemory } from './service/return-memory.js'
import type { WindowModel } from './window-assessor.js'
import { createWindowRate } from './window-rate.js'

const MEBIBYTE = 2 ** 20
/** How often alerts look at the time. */
const ALERT_TICK = Seconds(1)
/** How often each device's counters are told again although nothing happened to it. */
const REPORT_EVERY = Seconds(10)
/** Of memory that is free, to the system. */
const RETURN_EVERY = Seconds(300)

export interface GatewayOptions {
  readonly config: Config
  readonly version: string
  readonly log: Log
  /** Reject when a device given here cannot be opened at the first attempt, instead of waiting for it. */
  readonly failFast?: boolean
  /** Told of every assessment that reached the broker, with the time since its window's last byte arrived. */
  readonly delivered?: (latency: Millis) => void
}

/** A gateway that runs. */
export interface Gateway {
  /** Of the bundle that runs now. */
  readonly engine: BundleEngine
  readonly messaging: Messaging
  readonly alerting: Alerting
  readonly monitor: Monitor
  /** URIs of the devices whose samples no longer become assessments: the process should be started anew. */
  stuck(): string[]
  /** Applies what can change while it runs, and says what that was and what waits for a restart. */
  reload(next: Config): ChangedKeys
  /** Drains what is under way, says offline, and leaves nothing behind. */
  stop(): Promise<void>
}

/**
 * The composition root: devices → windows → inference → alerts → outbox → MQTT, for every device of the configuration.
 * Fails for what a person must mend (bundle, configuration, a port or a folder that is taken); whatever may come and go by
 * itself (cable, broker) is waited for.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  await returnMemory() // also what is still to come
  const { config, version, log, failFast = false } = options
  /** As the last reload left it. */
  let current = config
  const streams = config.devices.map(({ uri }) => openDevice(uri))
  const monitor = createMonitor({
    config: config.monitor,
    gateway: config.id,
    version,
    clock,
    log,
    acknowledge: (id, by) => alerting.acknowledge(id, by),
    health: () => ({
      model: engine.model,
      fallback: engine.fallback,
      windowsPerSecond: rate.perSecond(),
      inferenceDepth: engine.depth,
      broker: { connected: messaging.counters.connected, host: messaging.url.host },
      outbox: { messages: messaging.counters.outboxMessages, bytes: messaging.counters.outboxBytes },
      clockSynchronised: hostClock(),
      waitingFor: pipelines.waitingFor(),
    }),
  })
  const trust = config.trust === undefined ? [] : [config.trust]
  const store = openModelStore(join(config.data, 'models'), trust)
  const overlay = await overlaid(config.overlay, store.keys.configured)
  const models = await startModelService({
    store,
    fixed:
      config.bundle === undefined
        ? undefined
        : overlay(await verifyBundle(config.bundle, await store.keys.configured())),
    overlaid: bundle => overlayIfMeant(overlay, bundle, log),
    // Before anything is exchanged: the rules are the last to follow a bundle, and then it is too late.
    check: ({ manifest }) => void findingRules(manifest.tasks, current.alerts.tasks),
    async startEngine(bundle) {
      const { inference, devices, data } = config
      const engine = await startEngine(bundle, { ...inference, patients: devices.length, cache: data })
      await returnMemory() // of the candidates that were tried and left
      return engine
    },
    monotonic: clock.monotonic,
    log,
  })
  const { engine } = models

  const rate = createWindowRate(clock)
  const hostClock = await createHostClock()
  const common = {
    gateway: config.id,
    version,
    dataFolder: config.data,
    clock,
    newId,
    log,
    health: () => ({
      model: engine.model,
      windowsPerSecond: rate.perSecond(),
      inferenceDepth: engine.depth,
      alerts: alerting.account(),
      clockSynchronised: hostClock(),
    }),
  }
  const messaging = await startMessaging({
    ...common,
    broker: config.broker,
    base: config.broker.base,
    assessmentQos: config.broker.assessmentQos,
    outboxBytes: config.broker.outboxMebibytes * MEBIBYTE,
  }).catch(async error => {
    await models.stop()
    throw error
  })

  const metrics = createMetrics({
    version,
    model: () => engine.model,
    inferenceDepth: () => engine.depth,
    clockSynchronised: hostClock,
    stuck: () => pipelines.stuck(),
    messaging: () => messaging.counters,
    monitor: () => monitor.counters,
  })

  const alerting = createAlerting({
    ...models.bundle.manifest,
    site: config.alerts,
    hop: Seconds(config.hopSeconds),
    clock,
    newId: () => newId(clock.utc()),
    suppressed: suppression => log.info(suppression, 'alert suppressed'),
    unfinished: messaging.unfinished,
    publish(transition) {
      metrics.alert(transition)
      messaging.publishAlert(transition)
    },
  })
  for (const alert of alerting.open()) monitor.alerted(alert)
  alerting.watch(monitor.alerted)

  messaging.answer([
    ...alertCommands(alerting, messaging.publishEvidence),
    ...modelCommands({ service: models, store, caFile: config.models.caFile }),
  ])
  alerting.watch(({ phase, type, id }) => {
    const { evidence } = current.alerts
    if (evidence === 'off' || phase !== 'start' || type === 'ST') return
    messaging
      .publishEvidence(alerting.evidence(id), evidence)
      .catch((error: Error) => log.warn({ id, reason: error.message }, 'the window behind an alert is not published'))
  })
  useRules(models.bundle.manifest, config)

  const mirrors = await startMirrors(config.mirrors, common, alerting).catch(async error => {
    await messaging.stop()
    await models.stop()
    throw error
  })

  const pipelines = createDevicePipelines(streams, {
    model: windowModel(models),
    hop: Seconds(config.hopSeconds),
    log,
    monotonic: monotonicNow,
    utc: clock.utc,
    assessed(device, result) {
      rate.count()
      metrics.window(device, result)
      monitor.assessed(device, result)
      void messaging.publishAssessment(device, result).then(taken => {
        if (taken) options.delivered?.(Millis((monotonicNow() - result.window.completed) / 1000))
      })
      mirrors.publishAssessment(device, result)
      alerting.window(device, result)
    },
    condition: alerting.condition,
    report(device, report) {
      metrics.device(device, report)
      messaging.publishDeviceState(device, report)
      mirrors.publishDeviceState(device, report)
      monitor.reported(device, report)
    },
    identified: monitor.identified,
    samples: monitor.samples,
    gone(device) {
      metrics.gone(device)
      monitor.gone(device)
    },
  })
  models.follow(bundle => {
    pipelines.use(windowModel({ engine, bundle }))
    useRules(bundle.manifest, current)
  })
  await pipelines.start()
  const lending = await lendDevices(config.data, streams, log)

  let stopping = false
  await monitor.start([
    ...healthRoutes({ alive: () => pipelines.stuck().length === 0, ready: () => !stopping }),
    ...metrics.routes,
  ])

  const clockFault = createClockWatch(clock, log)
  const timers = [
    setInterval(() => {
      alerting.condition(GATEWAY_DEVICE, 'MODEL_FALLBACK', models.fault)
      alerting.condition(GATEWAY_DEVICE, 'CLOCK_UNSYNCHRONISED', clockFault())
      alerting.tick()
    }, ALERT_TICK),
    setInterval(pipelines.report, REPORT_EVERY),
    setInterval(() => void returnMemory(), RETURN_EVERY),
  ]

  /** Of another bundle, or of the same one as the site wants them now. */
  function useRules({ tasks, input }: Manifest, next: Config): void {
    alerting.change({ tasks, site: next.alerts, input })
    monitor.rules(tasks, next.alerts)
    warnOfUnknownTasks(next, tasks, log)
  }

  function reload(next: Config): ChangedKeys {
    const changed = changedKeys(current, next)
    // Rules that are set begin to count windows anew.
    if (!isDeepStrictEqual(next.alerts, current.alerts)) useRules(models.bundle.manifest, next)
    current = next
    return changed
  }

  async function stop(): Promise<void> {
    stopping = true
    for (const timer of timers) clearInterval(timer)
    await lending.stop()
    await pipelines.stop()
    await Promise.all([messaging.stop(), mirrors.stop()])
    await models.stop()
    await monitor.stop()
  }

  if (failFast)
    await Promise.all(streams.map(({ firstOpen }) => firstOpen)).catch(async error => {
      await stop()
      throw error
    })
  return {
    get engine() {
      return engine.engine
    },
    messaging,
    alerting,
    monitor,
    stuck: pipelines.stuck,
    reload,
    stop,
  }
}

/** What the pipelines need of the bundle that runs. */
function windowModel({ engine, bundle: { manifest, quality } }: Pick<ModelService, 'engine' | 'bundle'>): WindowModel {
  return { engine, input: manifest.input, quality, taskIds: manifest.tasks.map(({ id }) => id) }
}

/** An installed bundle that the overlay was not made for runs as it is, or the overlay would keep the gateway from every other. */
function overlayIfMeant(overlay: (bundle: Bundle) => Bundle, bundle: Bundle, log: Log): Bundle {
  try {
    return overlay(bundle)
  } catch (error) {
    if (!(error instanceof OverlayError && error.code === 'OVERLAY_FOR_ANOTHER_BUNDLE')) throw error
    log.warn({ reason: error.message }, 'the bundle runs without the site’s overlay')
    return bundle
  }
}

/** A rule for a task that the bundle lacks does nothing; it may be a typing error, or be meant for another bundle. */
function warnOfUnknownTasks({ alerts }: Config, tasks: readonly Task[], log: Log): void {
  const known = new Set(tasks.map(({ id }) => id))
  const unknown = Object.keys(alerts.tasks).filter(id => !known.has(id))
  if (unknown.length > 0) log.warn({ unknown }, 'alerts.tasks names tasks that the bundle does not have')
}

const clock: Clock = { utc: () => UnixMillis(Date.now()), monotonic: () => Millis(monotonicNow() / 1000) }
const newId = monotonicFactory()

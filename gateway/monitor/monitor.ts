import { EcgclipError } from '../../ecg/ecgclip-error.js'
import type { DeviceIdentity, SampleBlock } from '../../firmware-bridge/device-stream.js'
import type { Task } from '../../models/bundle/manifest.js'
import type { AlertTransition } from '../alerts/alert.js'
import type { AssessedWindow } from '../alerts/assessed-window.js'
import type { Clock } from '../alerts/clock.js'
import type { SiteTaskRule } from '../alerts/finding-rule.js'
import type { SiteRules } from '../alerts/site-rules.js'
import type { Config } from '../config/config.js'
import { assessmentMessage } from '../mqtt/assessment-message.js'
import { type DeviceReport, deviceStateMessage } from '../mqtt/device-state-message.js'
import type { Log } from '../mqtt/log.js'
import { createAccess } from './access.js'
import { createAlertBoard } from './alert-board.js'
import { keepListening, type Listening } from './keep-listening.js'
import { listenerOptions } from './listener-options.js'
import type { GatewayHealth, MonitoredTask, TasksMessage } from './live/live-messages.js'
import { createLiveServer, type LiveCounters } from './live-server.js'
import { loginRoutes } from './login-routes.js'
import { doorway, pageRoutes } from './page-assets.js'
import { json, type Route, text } from './route.js'
import type { Viewer } from './viewer.js'
import { Ward } from './ward.js'

export interface MonitorParts {
  readonly config: Config['monitor']
  readonly gateway: string
  readonly version: string
  readonly clock: Clock
  readonly log: Log
  /** Throws an `AlertError` when the alert is not open; otherwise `alerted` is told. */
  acknowledge(id: string, by: string): void
  health(): Omit<GatewayHealth, 'kind' | 'now' | 'latencyMs' | 'framesDropped'>
}

export interface MonitorCounters extends LiveCounters {
  readonly wrongTokens: number
}

/** The page for people who look at patients, and whatever else the gateway answers over HTTP. Told of everything; asks nothing. */
export interface Monitor {
  /** Null until it listens, and where the configuration wants no page. */
  readonly url: URL | null
  readonly counters: MonitorCounters
  identified(identity: DeviceIdentity): void
  samples(device: string, block: SampleBlock): void
  reported(device: string, report: DeviceReport): void
  assessed(device: string, assessed: AssessedWindow): void
  alerted(transition: AlertTransition): void
  /** The device was taken off for good. */
  gone(device: string): void
  /** What is asked of windows from now on, and what the site has decided about it. */
  rules(tasks: readonly Task[], site: SiteRules): void
  /** Serves the page and `routes` beside it. Resolves also when the port is taken: it is then tried again and again. */
  start(routes: readonly Route[]): Promise<void>
  stop(): Promise<void>
}

/** Throws a `MonitorError` when it must not listen as the configuration says. */
export function createMonitor(parts: MonitorParts): Monitor {
  const { config, gateway, version, clock, log } = parts
  /** Null: there is no page, so nothing that could be wrong with where it would be. */
  const listener = config.enabled ? listenerOptions(config) : null
  const access = createAccess({
    token: listener?.token ?? null,
    secure: (listener?.tls ?? null) !== null,
    monotonic: clock.monotonic,
  })
  const ward = new Ward<Viewer>()
  const board = createAlertBoard()
  let tasks: TasksMessage = { kind: 'tasks', tasks: [] }
  let latencyMs: number | null = null
  let listening: Listening | null = null
  const live = createLiveServer({
    welcome: { kind: 'welcome', gateway, version },
    tasks: () => tasks,
    ward,
    board,
    health: framesDropped => ({ kind: 'health', now: clock.utc(), ...parts.health(), latencyMs, framesDropped }),
    acknowledge(id, by) {
      try {
        parts.acknowledge(id, by)
        return null
      } catch (error) {
        if (error instanceof EcgclipError) return error.message
        throw error
      }
    },
  })

  const evidence: Route = {
    method: 'GET',
    path: '/api/evidence/',
    access: 'token',
    answer({ rest }) {
      const found = board.evidence(rest)
      return found ? json(found) : text(404, 'The window behind this alert is not kept any more.')
    },
  }

  return {
    get url() {
      return listening?.url ?? null
    },
    get counters() {
      return { ...live.counters, wrongTokens: access.wrong }
    },
    identified(identity) {
      if (!config.enabled) return
      ward.identified(identity)
      const gone = ward.crowdedOut()
      if (gone !== undefined) live.tellAll({ kind: 'gone', device: gone })
      live.appeared(identity.id)
    },
    samples: (device, block) => ward.samples(device, block),
    reported(device, report) {
      const patient = ward.patient(device)
      if (!patient) return
      patient.state = deviceStateMessage(gateway, device, clock.utc(), report)
      live.tellAll({ kind: 'device', message: patient.state })
    },
    assessed(device, assessed) {
      latencyMs = assessed.latencyMs
      const patient = ward.patient(device)
      if (!patient) return
      ward.assessed(patient, assessed)
      patient.assessment = assessmentMessage(gateway, device, assessed)
      patient.trend.add(patient.assessment.tasks)
      live.tellAll({ kind: 'assessment', message: patient.assessment })
    },
    alerted(transition) {
      const seen = ward.patient(transition.device)?.seen ?? null
      const alert = board.add(transition, seen?.assessed.start === transition.signal?.start ? seen : null)
      live.tellAll({ kind: 'alert', alert })
    },
    gone(device) {
      if (ward.forget(device)) live.tellAll({ kind: 'gone', device })
    },
    rules(next, { tasks: site = {} }) {
      tasks = { kind: 'tasks', tasks: next.map(task => monitored(task, site[task.id])) }
      live.tellAll(tasks)
    },
    async start(routes) {
      if (listener === null) return
      live.start()
      const page = pageRoutes()
      const all = [...page, evidence, ...loginRoutes(access), ...routes]
      const at = doorway(page)
      const { upgrade } = live
      listening = await keepListening({ listener, access, log, routes: all, ...(at && { doorway: at }), upgrade })
    },
    async stop() {
      live.stop()
      await listening?.stop()
    },
  }
}

const monitored = ({ id, display, group, threshold, alert }: Task, site: SiteTaskRule | undefined): MonitoredTask => ({
  id,
  display,
  group,
  threshold: site?.threshold ?? threshold.value,
  alerts: alert !== null && site?.enabled !== false,
})

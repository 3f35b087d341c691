import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { setInterval } from 'node:timers'
import { WebSocketServer } from 'ws'
import { Millis, Seconds } from '../../ecg/units.js'
import type { AlertBoard } from './alert-board.js'
import type { GatewayHealth, LiveMessage, TasksMessage, ViewerRequest, Welcome } from './live/live-messages.js'
import { Viewer } from './viewer.js'
import type { Ward } from './ward.js'

/** Frames leave this often: smooth on a page that plays a little behind, and few enough for sixteen patients. */
const FLUSH_EVERY = Millis(100)
const HEALTH_EVERY = Seconds(2)
const PING_EVERY = Seconds(20)
/** Pages at once; the next one is told to try later. */
export const MOST_VIEWERS = 32
/** Bytes of one request. */
const MOST_REQUEST = 1024
/** WebSocket close code, IANA registry: try again later. */
const TRY_AGAIN_LATER = 1013

export interface LiveServerParts {
  readonly welcome: Welcome
  tasks(): TasksMessage
  readonly ward: Ward<Viewer>
  readonly board: AlertBoard
  health(framesDropped: number): GatewayHealth
  /** Answers why it cannot be done, or null. */
  acknowledge(alert: string, by: string): string | null
}

export interface LiveCounters {
  /** Looking now. */
  readonly viewers: number
  /** Turned away, for there were too many. */
  readonly refused: number
  /** Waveform frames that slow viewers did not get. */
  readonly framesDropped: number
}

/** The live data of the page, over WebSocket. */
export interface LiveServer {
  readonly counters: LiveCounters
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  tellAll(message: LiveMessage): void
  /** Lets who looks at the wall, or at this device, see it. */
  appeared(device: string): void
  start(): void
  stop(): void
}

export function createLiveServer(parts: LiveServerParts): LiveServer {
  const { ward, board } = parts
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MOST_REQUEST, perMessageDeflate: false })
  /** What each looks at: a device, or null for the wall. */
  const watching = new Map<Viewer, string | null>()
  let refused = 0
  /** Of viewers that have left. */
  let droppedBefore = 0

  function joined(viewer: Viewer): void {
    watching.set(viewer, null)
    viewer.tell(parts.welcome)
    viewer.tell(parts.tasks())
    for (const { message, state, assessment, trend } of ward.patients) {
      viewer.tell(message)
      if (state) viewer.tell({ kind: 'device', message: state })
      viewer.tell({ kind: 'trend', device: message.device, tasks: trend.values() })
      if (assessment) viewer.tell({ kind: 'assessment', message: assessment })
    }
    for (const alert of board.alerts) viewer.tell({ kind: 'alert', alert })
    viewer.tell(parts.health(0))
    watch(viewer, null)
  }

  function watch(viewer: Viewer, device: string | null): void {
    lookAway(viewer)
    watching.set(viewer, device)
    for (const feed of feedsOf(device)) {
      feed.sinks.add(viewer)
      feed.backlog(viewer)
    }
  }

  function lookAway(viewer: Viewer): void {
    for (const { allLeads, wallLead } of ward.patients) {
      allLeads.sinks.delete(viewer)
      wallLead.sinks.delete(viewer)
    }
  }

  function* feedsOf(device: string | null) {
    for (const { message, allLeads, wallLead } of ward.patients)
      if (device === null) yield wallLead
      else if (device === message.device) yield allLeads
  }

  function asked(viewer: Viewer, request: ViewerRequest): void {
    if (request.kind === 'watch') watch(viewer, request.device)
    else {
      const reason = parts.acknowledge(request.alert, request.by)
      if (reason !== null) viewer.tell({ kind: 'refused', reason })
    }
  }

  const beat = () => [
    setInterval(() => {
      ward.flush()
      for (const [viewer, device] of watching)
        if (viewer.recovered()) for (const feed of feedsOf(device)) feed.backlog(viewer)
    }, FLUSH_EVERY),
    setInterval(() => {
      for (const viewer of watching.keys()) viewer.tell(parts.health(viewer.dropped))
    }, HEALTH_EVERY),
    setInterval(() => {
      for (const viewer of watching.keys()) viewer.second()
    }, Seconds(1)),
    setInterval(() => {
      for (const viewer of watching.keys()) viewer.ping()
    }, PING_EVERY),
  ]
  let timers: readonly NodeJS.Timeout[] = []

  return {
    get counters() {
      const framesDropped = [...watching.keys()].reduce((sum, { dropped }) => sum + dropped, droppedBefore)
      return { viewers: watching.size, refused, framesDropped }
    },
    upgrade(request, socket, head) {
      sockets.handleUpgrade(request, socket, head, connection => {
        connection.on('error', () => connection.terminate())
        if (watching.size >= MOST_VIEWERS) {
          refused++
          connection.close(TRY_AGAIN_LATER, 'too many pages look')
          return
        }
        const viewer = new Viewer(connection, request => asked(viewer, request))
        connection.on('close', () => {
          droppedBefore += viewer.dropped
          lookAway(viewer)
          watching.delete(viewer)
        })
        joined(viewer)
      })
    },
    tellAll(message) {
      for (const viewer of watching.keys()) viewer.tell(message)
    },
    appeared(device) {
      const patient = ward.patient(device)
      if (!patient) return
      for (const [viewer, watched] of watching) {
        viewer.tell(patient.message)
        if (watched === null) patient.wallLead.sinks.add(viewer)
        else if (watched === device) patient.allLeads.sinks.add(viewer)
      }
    },
    start() {
      timers = beat()
    },
    stop() {
      for (const timer of timers) clearInterval(timer)
      for (const connection of sockets.clients) connection.terminate()
      sockets.close()
    },
  }
}

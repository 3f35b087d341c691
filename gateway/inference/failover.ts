import { setTimeout as sleep } from 'node:timers/promises'
import { type Millis, Seconds } from '../../ecg/units.js'
import type { Answer, Inference, ModelInUse } from './inference-engine.js'
import type { InferenceError, RejectionCode } from './inference-error.js'
import type { Turn } from './schedule.js'
import type { WorkerPool } from './worker-pool.js'

/** A variant on a provider that has passed the goldens. */
export interface Station {
  readonly model: ModelInUse
  /** Starts it again, at once. */
  start(): Promise<WorkerPool>
  /** Starts it again if it still passes the goldens; null if it does not. */
  prove(): Promise<WorkerPool | null>
}

/** Runs windows on the first of several stations that still answers. */
export interface Failover {
  readonly model: ModelInUse
  readonly pool: WorkerPool
  /** See `InferenceEngine`. */
  readonly fallback: string | null
  assess(signal: Float32Array, turn?: Turn): Promise<Inference>
  close(): Promise<void>
}

/** What speaks against whatever ran the window, if another can run it. */
const FAULTS: readonly RejectionCode[] = ['DEADLINE_EXCEEDED', 'WORKER_FAILED', 'MODEL_FAILED', 'MODEL_OUTPUT_INVALID']
/** After a fall the station that was chosen first is tried again: after this, and after twice as long with each further fall … */
const FIRST_RETURN = Seconds(60)
/** … up to this. */
const SLOWEST_RETURN = Seconds(3600)

interface Running {
  readonly place: number
  readonly pool: WorkerPool
}

/**
 * `stations`: best first; `first` is the pool of the best. A window that fails is run on the next station. If it succeeds there
 * the station is at fault, and all windows go to the next one from then on, until the best passes its goldens again; if it does
 * not, the window is, and is rejected.
 */
export function createFailover(
  stations: readonly Station[],
  first: WorkerPool,
  firstReturn: Millis = FIRST_RETURN,
): Failover {
  const closing = new AbortController()
  let running: Running = { place: 0, pool: first }
  /** The next station, started because a window failed. */
  let standby: Promise<Running | null> | null = null
  /** Ends of the stations that were left. */
  const leaving = new Set<Promise<void>>()
  let fallback: string | null = null
  let returnAfter = firstReturn

  async function assess(signal: Float32Array, turn?: Turn): Promise<Inference> {
    const used = running
    try {
      return named(await used.pool.assess(signal, turn), used)
    } catch (error) {
      const { code } = error as InferenceError
      if (closing.signal.aborted) throw error
      if (code === 'ENGINE_CLOSED') return assess(signal, turn) // it waited for a station that was left
      if (!FAULTS.includes(code) || !signal.every(Number.isFinite)) throw error
      return await next(used, error as InferenceError, signal, turn)
    }
  }

  async function next(used: Running, fault: InferenceError, signal: Float32Array, turn?: Turn): Promise<Inference> {
    if (used !== running) return assess(signal, turn) // others have noticed before
    standby ??= start(used.place + 1)
    const successor = await standby
    if (used !== running && successor === null) return assess(signal, turn)
    if (successor === null) {
      standby = null
      throw fault
    }
    let inference: Inference
    try {
      inference = named(await successor.pool.assess(signal, turn), successor)
    } catch (error) {
      const left = used !== running && !closing.signal.aborted && (error as InferenceError).code === 'ENGINE_CLOSED'
      if (!left) throw error
      return assess(signal, turn) // the best came back while it waited for the one that stood by
    }
    if (used === running) fallTo(successor, fault)
    return inference
  }

  async function start(place: number): Promise<Running | null> {
    const station = stations[place]
    const pool = await station?.start().catch(() => null)
    return pool ? { place, pool } : station ? start(place + 1) : null
  }

  function fallTo(successor: Running, fault: InferenceError): void {
    const [failed, chosen] = [stations[running.place]!.model, stations[successor.place]!.model]
    moveTo(successor)
    fallback = `${nameOf(failed)} failed (${fault.message}); ${nameOf(chosen)} runs in its place`
    void comeBack()
  }

  function moveTo(next: Running): void {
    const [left, unused] = [running, standby]
    running = next
    standby = null
    leave(left.pool) // what waits there is run here
    void unused?.then(other => other && other !== next && leave(other.pool))
  }

  function leave(pool: WorkerPool): void {
    const ended = pool.close().finally(() => leaving.delete(ended))
    leaving.add(ended)
  }

  async function comeBack(): Promise<void> {
    const fallen = running
    const delay = returnAfter
    returnAfter = Math.min(2 * delay, SLOWEST_RETURN) as Millis
    await sleep(delay, undefined, { signal: closing.signal, ref: false }).catch(() => {})
    if (closing.signal.aborted || running !== fallen) return
    const pool = await stations[0]!.prove().catch(() => null)
    if (closing.signal.aborted || running !== fallen) return void (await pool?.close())
    if (pool === null) return comeBack()
    moveTo({ place: 0, pool })
    fallback = null
  }

  function named(answer: Answer, { place }: Running): Inference {
    return { ...answer, model: stations[place]!.model }
  }

  return {
    get model() {
      return stations[running.place]!.model
    },
    get pool() {
      return running.pool
    },
    get fallback() {
      return fallback
    },
    assess,
    async close() {
      closing.abort()
      const waiting = await standby
      await Promise.all([running.pool.close(), waiting?.pool.close(), ...leaving])
    },
  }
}

function nameOf({ variant, provider }: ModelInUse): string {
  return `${variant} on ${provider}`
}

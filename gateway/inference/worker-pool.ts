import { setTimeout as sleep } from 'node:timers/promises'
import { Millis, Seconds } from '../../ecg/units.js'
import { monotonicNow } from '../../firmware-bridge/transport/monotonic-now.js'
import type { Answer } from './inference-engine.js'
import { InferenceError, REJECTION_CODES, type RejectionCode } from './inference-error.js'
import { type ModelThread, startThread, stuckThreads, type ThreadOptions } from './model-thread.js'
import { createSchedule, type Turn } from './schedule.js'
import type { ModelSetup, WorkerOutcome } from './worker-protocol.js'

/** Worker threads that run one variant, behind a bounded queue (`schedule.ts` says who goes first). */
export interface WorkerPool {
  readonly workers: number
  /** Windows waiting or running. */
  readonly depth: number
  /** Most windows that one run may hold. A run takes what waits; no window waits for another. To be lowered only. */
  batch: number
  readonly counters: Readonly<PoolCounters>
  /** Rejects with an `InferenceError`; the pool goes on. Without a turn: in the order of arrival, before all that are due later. */
  assess(signal: Float32Array, turn?: Turn): Promise<Answer>
  /** Starts threads until there are so many. Rejects with the first `InferenceError`; those that started stay. */
  grow(workers: number): Promise<void>
  /** Rejects what waits, lets what runs finish and ends the threads. */
  close(): Promise<void>
}

/** Since the pool was made; only ever rising. */
export interface PoolCounters {
  answered: number
  rejected: Record<RejectionCode, number>
  /** Threads started in place of one that ended or hung. */
  restarts: number
}

export interface PoolOptions extends ThreadOptions {
  readonly workers: number
  /** Windows that may wait. */
  readonly queueLimit?: number | undefined
}

/** A window of each of 256 patients; 61 MB at 500 Hz and 12 leads. */
const QUEUE_LIMIT = 256
/** Waits before a lost thread is replaced: the first, doubled with each failed start, up to the last. */
const FIRST_RESTART = Millis(100)
const SLOWEST_RESTART = Seconds(30)
/** While so many threads of the process hang, none is started: they cannot be killed, and more would take every core. */
const STUCK_LIMIT = 4
const CLOSED = 'the inference engine is closed'
const PASSED_OVER = 'more windows come than this machine can assess, and the patient’s next one went first'

interface Job extends Turn {
  readonly signal: Float32Array
  resolve(answer: Answer): void
  reject(error: InferenceError): void
}

/** A worker that has nothing to do. */
interface Taker {
  /** Of its next run; grows until the worker has woken up. */
  readonly jobs: Job[]
  wake(): void
}

/** Resolves when every thread has loaded the model; rejects with the first one's `InferenceError` otherwise. */
export async function startPool(setup: ModelSetup, options: PoolOptions): Promise<WorkerPool> {
  const { queueLimit = QUEUE_LIMIT } = options
  const values = setup.leads * setup.samples
  const counters: PoolCounters = {
    answered: 0,
    rejected: Object.fromEntries(REJECTION_CODES.map(code => [code, 0])) as Record<RejectionCode, number>,
    restarts: 0,
  }
  const waiting = createSchedule<Job>(queueLimit)
  const idle: Taker[] = []
  const closing = new AbortController()
  const served: Promise<void>[] = []
  let depth = 0
  let live = 0

  /** One worker's life: window after window, a new thread when the old one is lost, until the pool closes. */
  async function serve(first: ModelThread): Promise<void> {
    live++
    let thread: ModelThread | undefined = first
    while (thread !== undefined) {
      const jobs = await take()
      if (jobs.length === 0) return thread.stop()
      if (thread.alive) await run(thread, jobs)
      else jobs.forEach(enqueue) // it died idle; the windows are not to blame
      if (!thread.alive) thread = await replacement()
    }
  }

  async function run(thread: ModelThread, jobs: readonly Job[]): Promise<void> {
    try {
      const outcomes = await thread.assess(jobs.map(({ signal }) => signal))
      for (const [i, job] of jobs.entries()) {
        // One window may have spoilt the run of all: what failed in company is run alone before it is rejected.
        if (jobs.length === 1 || outcomes[i]!.kind === 'answer') settle(job, outcomes[i]!)
        else if (thread.alive) await run(thread, [job])
        else enqueue(job)
      }
    } catch (error) {
      const { code, message } = error as InferenceError
      for (const job of jobs) reject(job, code, message)
    }
  }

  function settle(job: Job, outcome: WorkerOutcome): void {
    if (outcome.kind === 'rejection') reject(job, outcome.code, outcome.message)
    else {
      depth--
      counters.answered++
      job.resolve(outcome.answer)
    }
  }

  /** Undefined when the pool closes before there is one. */
  async function replacement(): Promise<ModelThread | undefined> {
    live--
    for (let delay = FIRST_RESTART; ; delay = Millis(Math.min(2 * delay, SLOWEST_RESTART))) {
      await sleep(delay, undefined, { signal: closing.signal }).catch(() => {})
      if (closing.signal.aborted) return undefined
      try {
        if (stuckThreads() >= STUCK_LIMIT)
          throw new InferenceError('WORKER_FAILED', `${STUCK_LIMIT} inference threads hang; restart the program`)
        const thread = await startThread(setup, options)
        counters.restarts++
        live++
        return thread
      } catch (error) {
        const { code, message } = error as InferenceError
        if (live === 0) rejectWaiting(code, message)
      }
    }
  }

  /** What one run is to hold; empty: the pool closes. */
  async function take(): Promise<readonly Job[]> {
    if (closing.signal.aborted) return []
    const jobs: Job[] = []
    while (jobs.length < pool.batch) {
      const job = waiting.take()
      if (job === undefined) break
      jobs.push(job)
    }
    if (jobs.length > 0) return jobs
    // Windows that come in the same turn of the event loop, in which the first one wakes the worker, are of its run.
    const taker: Taker = { jobs, wake: () => {} }
    idle.push(taker)
    await new Promise<void>(resolve => {
      taker.wake = resolve
    })
    if (idle.includes(taker)) idle.splice(idle.indexOf(taker), 1)
    return jobs
  }

  function put(job: Job): void {
    const { length } = job.signal
    if (length !== values) reject(job, 'INPUT_INVALID', `a window has ${length} values, the model takes ${values}`)
    else enqueue(job)
  }

  function enqueue(job: Job): void {
    if (closing.signal.aborted) reject(job, 'ENGINE_CLOSED', CLOSED)
    else if (idle.length > 0) {
      const [taker] = idle as [Taker]
      taker.jobs.push(job)
      if (taker.jobs.length >= pool.batch) idle.shift()
      taker.wake()
    } else {
      const displaced = waiting.put(job)
      if (displaced?.patient !== undefined && displaced.patient === job.patient)
        reject(displaced, 'PASSED_OVER', PASSED_OVER)
      else if (displaced) reject(displaced, 'QUEUE_OVERFLOW', `more than ${queueLimit} windows wait for the model`)
    }
  }

  function reject(job: Job, code: RejectionCode, message: string): void {
    depth--
    counters.rejected[code]++
    job.reject(new InferenceError(code, message))
  }

  function rejectWaiting(code: RejectionCode, message: string): void {
    for (let job = waiting.take(); job !== undefined; job = waiting.take()) reject(job, code, message)
  }

  const pool: WorkerPool = {
    batch: options.batch ?? 1,
    get workers() {
      return served.length
    },
    counters,
    get depth() {
      return depth
    },
    assess(signal, turn = inOrderOfArrival()) {
      depth++
      return new Promise((resolve, reject) => put({ ...turn, signal, resolve, reject }))
    },
    async grow(workers) {
      const more = Array.from({ length: workers - served.length }, () => startThread(setup, options))
      const starts = await Promise.allSettled(more)
      for (const start of starts) {
        if (start.status === 'rejected') continue
        if (!start.value.batches) pool.batch = 1
        served.push(serve(start.value))
      }
      for (const start of starts) if (start.status === 'rejected') throw start.reason
    },
    async close() {
      closing.abort()
      rejectWaiting('ENGINE_CLOSED', CLOSED)
      for (const { wake } of idle.splice(0)) wake()
      await Promise.all(served)
    },
  }
  await pool.grow(options.workers).catch(async error => {
    await pool.close()
    throw error
  })
  return pool
}

function inOrderOfArrival(): Turn {
  const now = monotonicNow()
  return { patient: undefined, urgency: 'screening', asked: now, due: now }
}

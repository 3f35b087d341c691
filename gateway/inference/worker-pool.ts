import { setTimeout as sleep } from 'node:timers/promises'
import { Millis, Seconds } from '../../ecg/units.js'
import type { Inference } from './inference-engine.js'
import { InferenceError, REJECTION_CODES, type RejectionCode } from './inference-error.js'
import type { OrtSetup } from './ort-protocol.js'
import { type OrtThread, startThread, stuckThreads, type ThreadOptions } from './ort-thread.js'

/**
 * Worker threads that run one variant, behind a bounded first-come, first-served queue. When the queue is full the window
 * that has waited longest gives way: its answer would be the least current one.
 */
export interface WorkerPool {
  readonly workers: number
  /** Windows waiting or running. */
  readonly depth: number
  readonly counters: Readonly<PoolCounters>
  /** Rejects with an `InferenceError`; the pool goes on. */
  assess(signal: Float32Array): Promise<Inference>
  /** Lets what runs finish, ends the threads and rejects what waits. */
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

/** Ten devices with a 5-s hop for half a minute; 15 MB of windows at 500 Hz. */
const QUEUE_LIMIT = 64
/** Waits before a lost thread is replaced: the first, doubled with each failed start, up to the last. */
const FIRST_RESTART = Millis(100)
const SLOWEST_RESTART = Seconds(30)
/** While so many threads of the process hang, none is started: they cannot be killed, and more would take every core. */
const STUCK_LIMIT = 4
const CLOSED = 'the inference engine is closed'

interface Job {
  readonly signal: Float32Array
  resolve(inference: Inference): void
  reject(error: InferenceError): void
}

/** Resolves when every thread has loaded the model; rejects with the first one's `InferenceError` otherwise. */
export async function startPool(setup: OrtSetup, options: PoolOptions): Promise<WorkerPool> {
  const { workers, queueLimit = QUEUE_LIMIT } = options
  const values = setup.leads * setup.samples
  const counters: PoolCounters = {
    answered: 0,
    rejected: Object.fromEntries(REJECTION_CODES.map(code => [code, 0])) as Record<RejectionCode, number>,
    restarts: 0,
  }
  const waiting: Job[] = []
  const idle: ((job: Job | undefined) => void)[] = []
  const closing = new AbortController()
  let depth = 0
  let live = workers

  const starts = await Promise.allSettled(Array.from({ length: workers }, () => startThread(setup, options)))
  const threads = starts.flatMap(start => (start.status === 'fulfilled' ? [start.value] : []))
  const failure = starts.find(start => start.status === 'rejected')
  if (failure !== undefined) {
    await Promise.all(threads.map(thread => thread.stop()))
    throw failure.reason
  }
  const served = Promise.all(threads.map(serve))

  /** One worker's life: window after window, a new thread when the old one is lost, until the pool closes. */
  async function serve(first: OrtThread): Promise<void> {
    let thread: OrtThread | undefined = first
    while (thread !== undefined) {
      const job = await take()
      if (job === undefined) return thread.stop()
      if (thread.alive) await run(thread, job)
      else waiting.unshift(job) // it died idle; the window is not to blame
      if (!thread.alive) thread = await replacement()
    }
  }

  async function run(thread: OrtThread, job: Job): Promise<void> {
    try {
      const inference = await thread.assess(job.signal)
      depth--
      counters.answered++
      job.resolve(inference)
    } catch (error) {
      const { code, message } = error as InferenceError
      reject(job, code, message)
    }
  }

  /** Undefined when the pool closes before there is one. */
  async function replacement(): Promise<OrtThread | undefined> {
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

  async function take(): Promise<Job | undefined> {
    if (closing.signal.aborted) return undefined
    return waiting.shift() ?? new Promise(resolve => idle.push(resolve))
  }

  function put(job: Job): void {
    const { length } = job.signal
    if (closing.signal.aborted) reject(job, 'ENGINE_CLOSED', CLOSED)
    else if (length !== values) reject(job, 'INPUT_INVALID', `a window has ${length} values, the model takes ${values}`)
    else if (idle.length > 0) idle.shift()!(job)
    else if (waiting.push(job) > queueLimit)
      reject(waiting.shift()!, 'QUEUE_OVERFLOW', `more than ${queueLimit} windows wait for the model`)
  }

  function reject(job: Job, code: RejectionCode, message: string): void {
    depth--
    counters.rejected[code]++
    job.reject(new InferenceError(code, message))
  }

  function rejectWaiting(code: RejectionCode, message: string): void {
    for (const job of waiting.splice(0)) reject(job, code, message)
  }

  return {
    workers,
    counters,
    get depth() {
      return depth
    },
    assess(signal) {
      depth++
      return new Promise((resolve, reject) => put({ signal, resolve, reject }))
    },
    async close() {
      closing.abort()
      for (const taker of idle.splice(0)) taker(undefined)
      await served
      rejectWaiting('ENGINE_CLOSED', CLOSED)
    },
  }
}

import { Worker } from 'node:worker_threads'
import type { Millis } from '../../ecg/units.js'
import { loadDeadline, runDeadline } from './deadlines.js'
import { createGuard } from './exit-guard.js'
import { InferenceError, type RejectionCode } from './inference-error.js'
import {
  LEAVE,
  type ModelSetup,
  WANTED,
  type WorkerData,
  type WorkerOutcome,
  type WorkerReply,
} from './worker-protocol.js'

/** One worker thread that has loaded the model. One run at a time. */
export interface ModelThread {
  /** False once it has ended or was given up: it will not run anything again. */
  readonly alive: boolean
  /** As `ModelRuntime`. */
  readonly batches: boolean
  /** One outcome for each window. Rejects with an `InferenceError` when the thread is lost. */
  assess(signals: readonly Float32Array[]): Promise<readonly WorkerOutcome[]>
  /** Only between windows. Resolves when the thread has ended, at once for one that was given up. */
  stop(): Promise<void>
}

export interface ThreadOptions {
  /** Longest run; a thread that takes longer is given up. */
  readonly deadline?: Millis | undefined
  /** Most windows of one run, if the model takes several; 1 unless stated. */
  readonly batch?: number | undefined
  /** Script of the thread. */
  readonly script?: URL | undefined
}

/**
 * Of JavaScript; models and windows lie outside. One that wants more ends alone, with `WORKER_FAILED`, before it takes the
 * process with it. (The young generation is three semi-spaces.)
 */
const HEAP = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 3 }
const WORKER_SCRIPT = new URL('./model-worker.js', import.meta.url)

/**
 * ONNX Runtime 1.30 would else report to Microsoft over HTTPS, under a lasting identifier of the machine, and keep a database of
 * what it has to report in the user's folder. It looks at the environment that it is loaded into.
 */
process.env.ORT_DISABLE_TELEMETRY = '1'

const stuck = new Set<Worker>()

/** Threads of this process that were given up inside a run and have not come back. Nothing can stop them; each may burn a core. */
export const stuckThreads = (): number => stuck.size

/** Resolves when the model is loaded; rejects with an `InferenceError` when it cannot be. */
export async function startThread(setup: ModelSetup, options: ThreadOptions = {}): Promise<ModelThread> {
  const { deadline = runDeadline(), batch = 1, script = WORKER_SCRIPT } = options
  const { guard, release } = createGuard()
  const values = setup.leads * setup.samples
  const slots = Array.from({ length: batch }, () => new Float32Array(new SharedArrayBuffer(4 * values)))
  // Without execArgv the thread would first load whatever the program was started with (--import, --require).
  const workerData: WorkerData = { setup, guard, slots }
  const worker = new Worker(script, { workerData, execArgv: [], resourceLimits: HEAP })
  let alive = true
  let pending: { resolve(reply: WorkerReply): void; reject(error: InferenceError): void } | undefined
  const ended = new Promise<void>(resolve => {
    worker.once('exit', () => {
      release()
      stuck.delete(worker)
      lose('WORKER_FAILED', 'the inference worker ended unexpectedly')
      resolve()
    })
  })
  worker.on('error', ({ message }) => lose('WORKER_FAILED', `the inference worker failed: ${message.trim()}`))
  worker.on('message', (reply: WorkerReply) => {
    pending?.resolve(reply)
    pending = undefined
  })

  function lose(code: RejectionCode, message: string): void {
    alive = false
    pending?.reject(new InferenceError(code, message))
    pending = undefined
  }

  /** Nothing can stop a thread inside a run: leave it behind, to end if it ever comes back. */
  function giveUp(message: string): void {
    lose('DEADLINE_EXCEEDED', message)
    stuck.add(worker)
    worker.unref()
    want(LEAVE)
  }

  function want(windows: number): void {
    Atomics.store(guard, WANTED, windows)
    Atomics.notify(guard, WANTED)
  }

  async function reply(limit: Millis, what: string): Promise<WorkerReply> {
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise((resolve, reject) => {
        const mine = { resolve, reject }
        pending = mine
        const check = () => pending === mine && giveUp(`${what} took longer than ${limit} ms`)
        // A reply that came while the event loop was held up (suspend, swap) is read first, and counts.
        timer = setTimeout(() => setImmediate(check), limit)
      })
    } finally {
      clearTimeout(timer)
    }
  }

  let batches = false
  try {
    const ready = await reply(loadDeadline(setup.provider), 'loading the model')
    if (ready.kind === 'ready') batches = ready.batches
  } catch (error) {
    if (!stuck.has(worker)) await ended
    throw error
  }

  return {
    get alive() {
      return alive
    },
    batches,
    async assess(signals) {
      for (const [i, signal] of signals.entries()) slots[i]!.set(signal)
      want(signals.length)
      const ran = await reply(deadline, 'a run of the model')
      return ran.kind === 'ran' ? ran.outcomes : []
    },
    async stop() {
      if (stuck.has(worker)) return
      want(LEAVE)
      await ended
    },
  }
}

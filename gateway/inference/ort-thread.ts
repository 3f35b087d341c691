import { Worker } from 'node:worker_threads'
import { Millis, Seconds } from '../../ecg/units.js'
import { createGuard, STOP } from './exit-guard.js'
import type { Answer } from './inference-engine.js'
import { InferenceError, type RejectionCode } from './inference-error.js'
import type { OrtOutcome, OrtReply, OrtRequest, OrtSetup, OrtWorkerData } from './ort-protocol.js'

/** One worker thread that has loaded the model. It runs one window at a time. */
export interface OrtThread {
  /** False once it has ended or was given up: it will not run anything again. */
  readonly alive: boolean
  /** Rejects with an `InferenceError`. */
  assess(signal: Float32Array): Promise<Answer>
  /** Only between windows. Resolves when the thread has ended, at once for one that was given up. */
  stop(): Promise<void>
}

export interface ThreadOptions {
  /** Longest run of one window; a thread that takes longer is given up. */
  readonly deadline?: Millis | undefined
  /** Script of the thread. */
  readonly script?: URL | undefined
}

/** A run takes 0.4 … 500 ms; after a hang the stream has to go on within 2 s. */
const RUN_DEADLINE = Millis(1500)
/** Reading and optimising a graph takes 12 … 55 ms on a desktop core; a loaded board is 100 times slower at worst. */
const LOAD_DEADLINE = Seconds(30)
const WORKER_SCRIPT = new URL('./ort-worker.js', import.meta.url)

const stuck = new Set<Worker>()

/** Threads of this process that were given up inside a run and have not come back. Nothing can stop them; each may burn a core. */
export const stuckThreads = (): number => stuck.size

/** Resolves when the model is loaded; rejects with an `InferenceError` when it cannot be. */
export async function startThread(setup: OrtSetup, options: ThreadOptions = {}): Promise<OrtThread> {
  const { deadline = RUN_DEADLINE, script = WORKER_SCRIPT } = options
  const { guard, release } = createGuard()
  // Without execArgv the thread would first load whatever the program was started with (--import, --require).
  const worker = new Worker(script, { workerData: { setup, guard } satisfies OrtWorkerData, execArgv: [] })
  let alive = true
  let pending: { resolve(reply: OrtReply): void; reject(error: InferenceError): void } | undefined
  const ended = new Promise<void>(resolve => {
    worker.once('exit', () => {
      release()
      stuck.delete(worker)
      lose('WORKER_FAILED', 'the inference worker ended unexpectedly')
      resolve()
    })
  })
  worker.on('error', ({ message }) => lose('WORKER_FAILED', `the inference worker failed: ${message.trim()}`))
  worker.on('message', (reply: OrtReply) => {
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
    tellToStop()
  }

  function tellToStop(): void {
    Atomics.store(guard, STOP, 1)
    worker.postMessage(null satisfies OrtRequest)
  }

  async function reply(limit: Millis, what: string): Promise<OrtReply> {
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

  try {
    await reply(LOAD_DEADLINE, 'loading the model')
  } catch (error) {
    if (!stuck.has(worker)) await ended
    throw error
  }

  return {
    get alive() {
      return alive
    },
    async assess(signal) {
      worker.postMessage(signal satisfies OrtRequest)
      const outcome = (await reply(deadline, 'a run of the model')) as OrtOutcome
      if (outcome.kind === 'rejection') throw new InferenceError(outcome.code, outcome.message)
      return outcome.answer
    },
    async stop() {
      if (stuck.has(worker)) return
      tellToStop()
      await ended
    },
  }
}

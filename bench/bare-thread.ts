import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { Manifest } from '../models/bundle/manifest.js'
import { type BareSession, openBareSession } from './bare-session.js'

/**
 * A bare session in a thread of its own that sleeps until it gets a window, and nothing else: no queue, deadline, calibration or
 * saliency. What it takes more than the session alone is the price of not holding up the event loop.
 */
export async function openBareThread(
  model: Uint8Array,
  { input, outputs }: Pick<Manifest, 'input' | 'outputs'>,
  threads: number,
): Promise<BareSession> {
  const wanted = new Int32Array(new SharedArrayBuffer(4))
  const slot = new Float32Array(new SharedArrayBuffer(4 * input.leads.length * input.samples))
  const data: ThreadData = { wanted, slot, model, manifest: { input, outputs }, threads }
  const worker = new Worker(new URL(import.meta.url), { workerData: data })
  await once(worker, 'message')
  let answered: () => void = () => {}
  worker.on('message', () => answered())
  return {
    run(signal) {
      slot.set(signal)
      Atomics.store(wanted, 0, 1)
      Atomics.notify(wanted, 0)
      return new Promise<void>(resolve => {
        answered = resolve
      })
    },
    async release() {
      await worker.terminate()
    },
  }
}

interface ThreadData {
  readonly wanted: Int32Array
  readonly slot: Float32Array
  readonly model: Uint8Array
  readonly manifest: Pick<Manifest, 'input' | 'outputs'>
  readonly threads: number
}

if (!isMainThread) {
  const { wanted, slot, model, manifest, threads } = workerData as ThreadData
  const session = await openBareSession(model, manifest, threads)
  parentPort!.postMessage('ready')
  for (;;) {
    Atomics.wait(wanted, 0, 0)
    Atomics.store(wanted, 0, 0)
    await session.run(slot)
    parentPort!.postMessage('ran')
  }
}

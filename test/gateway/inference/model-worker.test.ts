import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { createGuard } from '../../../gateway/inference/exit-guard.js'
import { LEAVE, WANTED, type WorkerData, type WorkerReply } from '../../../gateway/inference/worker-protocol.js'
import { tinySetup, window } from './fixtures/tiny-setup.js'

t.test('a wake-up that comes when its window is done already does not end the worker', async t => {
  const setup = tinySetup()
  const { guard, release } = createGuard()
  t.teardown(release)
  const slot = new Float32Array(new SharedArrayBuffer(4 * setup.leads * setup.samples))
  slot.set(window())
  const workerData: WorkerData = { setup, guard, slots: [slot] }
  const worker = new Worker(new URL('../../../gateway/inference/model-worker.js', import.meta.url), { workerData })
  const reply = async () => ((await once(worker, 'message')) as [WorkerReply])[0]
  t.equal((await reply()).kind, 'ready')
  await sleep(50)
  // What a thread does that is held up between the two instructions of handing over a window.
  t.equal(Atomics.notify(guard, WANTED), 1, 'the worker sleeps')
  await sleep(50)
  Atomics.store(guard, WANTED, 1)
  t.equal(Atomics.notify(guard, WANTED), 1, 'it sleeps again')
  const ran = await reply()
  t.equal(ran.kind === 'ran' && ran.outcomes[0]?.kind, 'answer')
  Atomics.store(guard, WANTED, LEAVE)
  Atomics.notify(guard, WANTED)
  const [code] = await once(worker, 'exit')
  t.equal(code, 0)
})

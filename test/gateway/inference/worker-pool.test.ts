import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Microseconds, Millis } from '../../../ecg/units.js'
import { stuckThreads } from '../../../gateway/inference/model-thread.js'
import { type PoolOptions, startPool, type WorkerPool } from '../../../gateway/inference/worker-pool.js'
import { FAIL, POISON, SLOW, tinySetup, window } from './fixtures/tiny-setup.js'

const DYING_WORKER = new URL('./fixtures/dying-worker.js', import.meta.url)
/** Longer than a healthy run takes on a loaded machine, by far shorter than `HANG`. */
const DEADLINE = Millis(400)
const HANG = window(SLOW, 1500)

async function pool(t: Test, options: Partial<PoolOptions> = {}): Promise<WorkerPool> {
  const pool = await startPool(tinySetup(), { workers: 1, ...options })
  t.teardown(() => pool.close())
  return pool
}

const code = (code: string) => ({ name: 'InferenceError', code })

t.test('a window gets its probabilities, and the pool is empty again', async t => {
  const { assess, counters, depth } = await pool(t)
  const { probabilities, modelMs } = await assess(window())
  t.equal(probabilities.length, 3)
  t.equal(probabilities[0], 0.5, 'no signal, no bias: the first task’s calibration has no offset')
  t.ok(modelMs > 0)
  t.equal(counters.answered, 1)
  t.equal(depth, 0)
})

t.test('a bad window is rejected with its reason and the next one is answered', async t => {
  const { assess, counters } = await pool(t)
  await t.rejects(assess(window(POISON)), code('MODEL_OUTPUT_INVALID'))
  await t.rejects(assess(window(Number.NaN)), code('MODEL_OUTPUT_INVALID'))
  await t.rejects(assess(window(FAIL)), code('MODEL_FAILED'))
  await t.rejects(assess(new Float32Array(149)), code('INPUT_INVALID'))
  t.equal((await assess(window())).probabilities[0], 0.5)
  t.match(counters, {
    answered: 1,
    rejected: { MODEL_OUTPUT_INVALID: 2, MODEL_FAILED: 1, INPUT_INVALID: 1 },
    restarts: 0,
  })
})

t.test('a model with another number of tasks is noticed', async t => {
  const setup = { ...tinySetup(), calibration: new Float64Array(8), logitCount: 4 }
  const { assess, close } = await startPool(setup, { workers: 1 })
  await t.rejects(assess(window()), code('MODEL_OUTPUT_INVALID'))
  await close()
})

t.test('windows are answered in the order in which they came, whoever sent them', async t => {
  const { assess } = await pool(t)
  const order: number[] = []
  await Promise.all(Array.from({ length: 20 }, async (_, i) => assess(window(SLOW, i % 3)).then(() => order.push(i))))
  t.same(
    order,
    Array.from({ length: 20 }, (_, i) => i),
  )
})

t.test('a full queue rejects the window that has waited longest and counts it', async t => {
  const { assess, counters } = await pool(t, { queueLimit: 2 })
  const running = assess(window(SLOW, 100))
  const results = await Promise.allSettled([running, ...Array.from({ length: 5 }, () => assess(window()))])
  t.same(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected', 'rejected', 'fulfilled', 'fulfilled'],
  )
  t.match((results[1] as PromiseRejectedResult).reason, code('QUEUE_OVERFLOW'))
  t.equal(counters.rejected.QUEUE_OVERFLOW, 3)
})

t.test(
  'a patient’s next window takes the place of the one that waits past its deadline, which is rejected at once',
  async t => {
    const { assess, counters } = await pool(t)
    const running = assess(window(SLOW, 100))
    const order = { patient: 'a', urgency: 'screening' } as const
    const older = assess(window(), { ...order, asked: Microseconds(0), due: Microseconds(1) })
    const newer = assess(window(), { ...order, asked: Microseconds(1), due: Microseconds(2) })
    await t.rejects(older, code('PASSED_OVER'))
    t.equal(counters.answered, 0)
    await Promise.all([running, newer])
    t.equal(counters.rejected.PASSED_OVER, 1)
  },
)

t.test('a run that hangs is rejected at its deadline, its thread is replaced and ends when it can', async t => {
  const { assess, counters } = await pool(t, { deadline: DEADLINE })
  const hanging = assess(HANG)
  const next = assess(window())
  await t.rejects(hanging, code('DEADLINE_EXCEEDED'))
  t.equal(stuckThreads(), 1)
  t.equal((await next).probabilities[0], 0.5)
  t.equal(counters.restarts, 1)
  while (stuckThreads() > 0) await sleep(20)
})

t.test('while one worker hangs another one goes on', async t => {
  const { assess } = await pool(t, { workers: 2, deadline: DEADLINE })
  let hangs = true
  const hanging = t.rejects(assess(HANG), code('DEADLINE_EXCEEDED')).finally(() => (hangs = false))
  for (let i = 0; i < 5; i++) await assess(window())
  t.ok(hangs)
  await hanging
  while (stuckThreads() > 0) await sleep(20)
})

t.test('a worker that throws loses its window only, and is replaced', async t => {
  const { assess, counters } = await pool(t, { script: DYING_WORKER })
  const results = await Promise.allSettled([assess(window(98)), assess(window()), assess(window(98)), assess(window())])
  t.match(
    results.map(result => (result.status === 'rejected' ? result.reason : result.status)),
    [{ ...code('WORKER_FAILED'), message: /defect/ }, 'fulfilled', { ...code('WORKER_FAILED') }, 'fulfilled'],
  )
  t.equal(counters.restarts, 2)
})

t.test('a worker that runs out of memory ends alone, and is replaced', async t => {
  const { assess, counters } = await pool(t, { script: DYING_WORKER, deadline: Millis(30_000) }) // filling it takes a while
  await t.rejects(assess(window(96)), { ...code('WORKER_FAILED'), message: /memory/ })
  await assess(window())
  t.equal(counters.restarts, 1)
})

t.test('a worker that died while idle costs no window', async t => {
  const { assess, counters } = await pool(t, { script: DYING_WORKER })
  await assess(window(97))
  await sleep(1000) // until its end is known, also on a busy machine
  await assess(window())
  t.equal(counters.answered, 2)
})

t.test('closing lets the running window finish and rejects those that wait and come', async t => {
  const { assess, close, counters } = await pool(t)
  const running = assess(window(SLOW, 50))
  const waiting = t.rejects(assess(window()), code('ENGINE_CLOSED'))
  const closed = close()
  await t.rejects(assess(window()), code('ENGINE_CLOSED'))
  t.ok(await running)
  await waiting
  await closed
  await close()
  t.equal(counters.rejected.ENGINE_CLOSED, 2)
})

t.test('closing while a worker is being replaced ends at once', async t => {
  const { assess, close } = await pool(t, { script: DYING_WORKER })
  await t.rejects(assess(window(98)), code('WORKER_FAILED'))
  const waiting = assess(window())
  await Promise.all([close(), t.rejects(waiting, code('ENGINE_CLOSED'))])
})

t.test('a model that cannot be loaded is an error that says why, once every thread has ended', async t => {
  const wrong = [
    [{ ...tinySetup(new Uint8Array(100)) }, /protobuf/i],
    [{ ...tinySetup(), input: 'other' }, /no float32 input "other"/],
    [{ ...tinySetup(), logits: 'other' }, /no output "other"/],
    [{ ...tinySetup(), samples: 51 }, /batch × 3 × 50, not 3 leads × 51 samples/],
  ] as const
  for (const [setup, message] of wrong)
    await t.rejects(startPool(setup, { workers: 2 }), { ...code('WORKER_FAILED'), message })
  t.notOk(process.getActiveResourcesInfo().includes('MessagePort'), 'no thread is left')
})

t.test('two pools do not disturb one another', async t => {
  const [a, b] = await Promise.all([pool(t), pool(t)])
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? a : b).assess(window(0.1 * i))))
  const alone: Float32Array[] = []
  for (let i = 0; i < 20; i++) alone.push((await a.assess(window(0.1 * i))).probabilities)
  t.same(
    answers.map(({ probabilities }) => probabilities),
    alone,
  )
})

t.test('windows that wait together run together, and each gets its own answer', async t => {
  const { assess, counters } = await pool(t, { batch: 8 })
  const signals = Array.from({ length: 20 }, (_, i) => window(0, i / 10))
  const alone: number[][] = []
  for (const signal of signals) alone.push([...(await assess(signal)).probabilities])
  const together = await Promise.all(signals.map(signal => assess(signal)))
  t.ok(new Set(together.map(({ modelMs }) => modelMs)).size <= 5, '20 windows in a few runs')
  for (const [i, { probabilities }] of together.entries())
    for (const [task, probability] of probabilities.entries()) t.ok(Math.abs(probability - alone[i]![task]!) < 1e-6)
  t.equal(counters.answered, 40)
})

t.test('a window that makes a run of several fail is the only one that is rejected', async t => {
  const { assess, counters } = await pool(t, { batch: 8 })
  // Both triggers look at the first window of a run only, and spoil all of it.
  for (const [trigger, reason] of [
    [FAIL, 'MODEL_FAILED'],
    [POISON, 'MODEL_OUTPUT_INVALID'],
  ] as const) {
    const results = await Promise.allSettled([window(trigger), window(), window()].map(signal => assess(signal)))
    t.same(
      results.map(({ status }) => status),
      ['rejected', 'fulfilled', 'fulfilled'],
    )
    t.match((results[0] as PromiseRejectedResult).reason, code(reason))
  }
  t.match(counters, { answered: 4, rejected: { MODEL_FAILED: 1, MODEL_OUTPUT_INVALID: 1 }, restarts: 0 })
})

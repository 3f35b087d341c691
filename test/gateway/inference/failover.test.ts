import { EventEmitter, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Microseconds, Millis } from '../../../ecg/units.js'
import { createFailover, type Failover, type Station } from '../../../gateway/inference/failover.js'
import type { ModelInUse } from '../../../gateway/inference/inference-engine.js'
import { stuckThreads } from '../../../gateway/inference/model-thread.js'
import { type PoolOptions, startPool, type WorkerPool } from '../../../gateway/inference/worker-pool.js'
import { fixture } from '../../models/fixtures/build-bundle.js'
import { FAIL, POISON, SLOW, tinySetup, window } from './fixtures/tiny-setup.js'

/** fp32.onnx does what its triggers say; int8.onnx is the same network without triggers, and so a healthy fallback. */

const DYING_WORKER = new URL('./fixtures/dying-worker.js', import.meta.url)
const DEADLINE = Millis(400)
const NEVER = Millis(1e6)
const DIES = 98

interface Options extends Partial<PoolOptions> {
  readonly stations?: 1 | 2
  readonly returnAfter?: Millis
  prove?(): Promise<WorkerPool | null>
}

async function failover(t: Test, { stations = 2, returnAfter = NEVER, prove, ...options }: Options = {}) {
  const first = await startPool(tinySetup(), { workers: 1, ...options })
  const int8 = () => startPool(tinySetup(fixture('int8.onnx')), { workers: 1 })
  const all: Station[] = [
    { model: model('fp32'), start: () => Promise.reject(), prove: prove ?? (async () => null) },
    { model: model('int8'), start: int8, prove: int8 },
  ]
  const engine = createFailover(all.slice(0, stations), first, returnAfter)
  t.teardown(() => engine.close())
  return engine
}

function model(precision: 'fp32' | 'int8'): ModelInUse {
  return { bundle: 'tiny', version: '1.0.0', sha256: '', provider: 'cpu', precision, variant: `${precision}.onnx` }
}

async function fallsOver(t: Test, engine: Failover, bad: Float32Array, why: RegExp): Promise<void> {
  t.equal((await engine.assess(window())).model.variant, 'fp32.onnx')
  t.equal(engine.fallback, null)
  const { model, probabilities } = await engine.assess(bad)
  t.equal(model.variant, 'int8.onnx', 'the window that showed it is answered by what runs instead')
  t.ok(probabilities.every(Number.isFinite))
  t.match(engine.fallback, why)
  t.match(engine.fallback, 'int8.onnx on cpu runs in its place')
  t.equal((await engine.assess(window())).model.variant, 'int8.onnx')
}

t.test('a variant that gives NaN is left', async t =>
  fallsOver(t, await failover(t), window(POISON), /^fp32\.onnx on cpu failed \(the model’s output is not finite/),
)

t.test('a variant that throws is left', async t =>
  fallsOver(t, await failover(t), window(FAIL), /^fp32\.onnx on cpu failed \(the model failed/),
)

t.test('a variant whose thread dies is left', async t =>
  fallsOver(t, await failover(t, { script: DYING_WORKER }), window(DIES), /failed \(the inference worker failed/),
)

t.test('a variant that hangs is left within the deadline, and the windows behind it are answered', async t => {
  const engine = await failover(t, { deadline: DEADLINE })
  const hanging = engine.assess(window(SLOW, 1500))
  const order = { urgency: 'screening', asked: Microseconds(0), due: Microseconds(0) } as const
  const behind = Array.from({ length: 8 }, (_, i) => engine.assess(window(), { ...order, patient: `p${i}` }))
  t.equal((await hanging).model.variant, 'int8.onnx')
  t.equal((await Promise.all(behind)).length, 8)
  t.match(engine.fallback, /took longer than 400 ms/)
  t.equal(stuckThreads(), 1, 'they did not wait for it')
  while (stuckThreads() > 0) await sleep(20)
})

t.test('a window that no variant can run is rejected and nothing is left', async t => {
  const engine = await failover(t)
  await t.rejects(engine.assess(window(Number.NaN)), { code: 'MODEL_OUTPUT_INVALID' })
  t.equal(engine.fallback, null)
  t.equal((await engine.assess(window())).model.variant, 'fp32.onnx')
})

t.test('what is the only one stays', async t => {
  const engine = await failover(t, { stations: 1 })
  await t.rejects(engine.assess(window(POISON)), { code: 'MODEL_OUTPUT_INVALID' })
  t.equal(engine.fallback, null)
  t.equal((await engine.assess(window())).model.variant, 'fp32.onnx')
})

t.test('many windows that fail at the same time start one fallback', async t => {
  const engine = await failover(t, { workers: 2 })
  const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => engine.assess(window(i % 3 ? POISON : 0))))
  t.equal(answers.length, 12)
  t.equal(engine.pool.counters.answered >= 8, true)
})

t.test('the best is taken again as soon as it passes its goldens, not before', async t => {
  let proofs = 0
  const prove = async () => (++proofs < 3 ? null : startPool(tinySetup(), { workers: 1 }))
  const engine = await failover(t, { returnAfter: Millis(10), prove })
  await engine.assess(window(POISON))
  while (engine.fallback !== null) await engine.assess(window())
  t.equal(proofs, 3)
  t.equal((await engine.assess(window())).model.variant, 'fp32.onnx')
})

t.test('a window that waits for what stands by is answered by the best when that comes back first', async t => {
  const standby = new EventEmitter()
  const [asked, left] = [once(standby, 'asked'), once(standby, 'left')]
  const tiny = (file?: Uint8Array) => startPool(tinySetup(file), { workers: 1 })
  const all: Station[] = [
    // As good as mended: what comes back has no triggers.
    { model: model('fp32'), start: tiny, prove: () => asked.then(() => tiny(fixture('int8.onnx'))) },
    { model: model('fp32'), start: tiny, prove: tiny },
    { model: model('int8'), start: () => tiny(fixture('int8.onnx')).then(busy), prove: tiny },
  ]
  /** All its workers are busy until it is left. */
  function busy(pool: WorkerPool): WorkerPool {
    return {
      ...pool,
      async assess(...window) {
        standby.emit('asked')
        await left
        return pool.assess(...window)
      },
      async close() {
        const closed = pool.close()
        standby.emit('left')
        await closed
      },
    }
  }
  const engine = createFailover(all, await startPool(tinySetup(), { workers: 1, script: DYING_WORKER }), Millis(1))
  t.teardown(() => engine.close())
  await engine.assess(window(DIES))
  t.match(engine.fallback, /^fp32/)
  t.equal((await engine.assess(window(POISON))).model, all[0]!.model)
  t.equal(engine.fallback, null)
})

t.test('closing rejects what comes and ends every thread', async t => {
  const engine = await failover(t)
  await engine.assess(window(POISON))
  await engine.close()
  await t.rejects(engine.assess(window()), { code: 'ENGINE_CLOSED' })
  t.notOk(process.getActiveResourcesInfo().includes('MessagePort'), 'no thread is left')
})

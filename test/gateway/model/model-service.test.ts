import { mkdirSync, renameSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { Millis } from '../../../ecg/units.js'
import { InferenceError } from '../../../gateway/inference/inference-error.js'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import { SHIPPED_BUNDLE } from '../../../models/shipped-assets.js'
import { confirmed, rolledBack } from '../../../models/store/store-transitions.js'
import { expected } from '../../models/fixtures/build-bundle.js'
import { LIMITS, stage, until, window } from './service-stage.js'

t.test('a bundle that is installed runs at once, and stays when it has proved itself', async t => {
  const { store, bundle, serve, open } = await stage(t)
  const { service, version } = await serve()
  t.equal(version(), '1.0.0')
  const seen: string[] = []
  service.follow(next => seen.push(next.manifest.version))
  await service.install(bundle('2.0.0'), () => {})
  t.equal(version(), '2.0.0')
  t.same(seen, ['2.0.0'])
  t.equal(open.size, 2, 'the one before stands by')
  for (let i = 0; i < LIMITS.windows; i++) {
    t.equal(store.state().trial?.returnTo, 'a')
    t.equal((await service.engine.assess(window())).model.version, '2.0.0')
  }
  await until(() => store.state().trial === null && open.size === 1)
  t.match(store.state(), { active: 'b', counters: { tiny: 1 } })
  t.equal(service.fault, null)
})

t.test('windows that come while bundles change are all answered, each by one of them', async t => {
  const { bundle, serve } = await stage(t)
  const { service } = await serve({ limits: { ...LIMITS, windows: 1e6 } })
  const answers: Promise<string>[] = []
  let done = false
  const streaming = (async () => {
    while (!done) {
      answers.push(service.engine.assess(window()).then(({ model }) => model.version))
      await delay(25)
    }
  })()
  await service.install(bundle('2.0.0'), () => {})
  await service.install(bundle('3.0.0'), () => {})
  await service.rollback()
  done = true
  await streaming
  const versions = await Promise.all(answers)
  t.ok(versions.length > 5)
  t.same(
    [...new Set(versions)].filter(version => !/^[123]\.0\.0$/.test(version)),
    [],
  )
  t.equal(service.bundle.manifest.version, '1.0.0', 'the last that had proved itself')
})

t.test('a window that a bundle on trial fails is answered by the one before, which then runs again', async t => {
  const failing = { assess: () => Promise.reject(new InferenceError('MODEL_FAILED', 'not a number')) }
  const { store, bundle, serve, open, log } = await stage(t, { '2.0.0': failing })
  const { service, version } = await serve()
  await service.install(bundle('2.0.0'), () => {})
  t.equal((await service.engine.assess(window())).model.version, '1.0.0')
  await until(() => version() === '1.0.0')
  t.match(store.state(), { active: 'a', trial: null, slots: { b: { fault: /a window failed: not a number/ } } })
  t.match(service.fault, /tiny 2\.0\.0 was given up: a window failed/)
  await until(() => open.size === 1)
  t.ok(log.includes('the bundle on trial has failed, and is given up'))
  t.equal((await service.engine.assess(window())).model.version, '1.0.0')
})

t.test('a bundle that is too slow here is left again', async t => {
  const { store, bundle, serve } = await stage(t)
  const { service, version } = await serve({ limits: { ...LIMITS, latency: Millis(0) } })
  await service.install(bundle('2.0.0'), () => {})
  await service.engine.assess(window())
  await until(() => version() === '1.0.0')
  t.match(store.state().slots.b?.fault, /took longer than 0 ms/)
})

t.test('a bundle whose variants fall back on trial is left again', async t => {
  const fallen = Object.defineProperty({}, 'fallback', { get: () => 'int8.onnx failed', enumerable: true })
  const { store, bundle, serve } = await stage(t, { '2.0.0': fallen })
  const { service, version } = await serve()
  await service.install(bundle('2.0.0'), () => {})
  await service.engine.assess(window())
  await until(() => version() === '1.0.0')
  t.equal(store.state().slots.b?.fault, 'int8.onnx failed')
})

t.test('a bundle that fails its goldens is refused with the reason, and the one before keeps running', async t => {
  const { store, bundle, serve, open } = await stage(t)
  const { service, version } = await serve()
  const before = store.state()
  const wrong = Object.fromEntries(
    Object.entries(expected.expected).map(([file, rows]) => [file, rows.map(row => row.map(p => 1 - p))]),
  )
  const failing = bundle('2.0.0', { 'goldens.json': Buffer.from(JSON.stringify(wrong)) })
  await t.rejects(
    service.install(failing, () => {}),
    { code: 'NO_VARIANT_PASSED', message: /off by .* in the goldens/ },
  )
  t.same(store.state(), before)
  t.equal(version(), '1.0.0')
  t.equal(open.size, 1)
  await service.engine.assess(window())
})

t.test(
  'a gateway starts with the other slot when the active one is damaged, and with the shipped bundle when both are',
  async t => {
    const { store, install, serve } = await stage(t)
    const { paths } = await install('2.0.0')
    await store.update(confirmed)
    writeFileSync(paths['fp32.onnx']!, 'rot')
    const first = await serve()
    t.equal(first.version(), '1.0.0')
    t.match(first.service.fault, /fp32\.onnx was changed after signing/)
    t.equal(store.state().active, 'b', 'who mends the disk finds everything as it was')
    await first.stop()
    writeFileSync((await store.bundleIn('a')).paths['heads.bin']!, 'rot')
    const second = await serve()
    t.equal(second.service.bundle.directory, SHIPPED_BUNDLE)
  },
)

t.test(
  'a gateway whose store cannot be read runs the shipped bundle, says why, and leaves the store as it is',
  async t => {
    const { store, serve } = await stage(t)
    const state = `${store.stateFile}.kept`
    renameSync(store.stateFile, state)
    mkdirSync(store.stateFile)
    const { service, stop } = await serve()
    t.equal(service.bundle.directory, SHIPPED_BUNDLE)
    t.match(service.fault, /state\.json cannot be read/)
    await stop()
    rmdirSync(store.stateFile)
    renameSync(state, store.stateFile)
    t.equal((await serve()).version(), '1.0.0')
  },
)

t.test('what a command beside the gateway changes in the store, the gateway follows', async t => {
  const { store, install, serve } = await stage(t)
  const { version, service } = await serve()
  await install('2.0.0')
  await until(() => version() === '2.0.0')
  await store.update(rolledBack)
  await until(() => version() === '1.0.0')
  t.equal((await service.engine.assess(window())).model.version, '1.0.0')
})

t.test('a bundle whose key is revoked is left while the gateway runs', async t => {
  const { store, key, serve } = await stage(t)
  const { service } = await serve()
  await store.keys.revoke(key)
  await until(() => service.bundle.directory === SHIPPED_BUNDLE)
  t.match(service.fault, /is signed with key/)
})

t.test('a trial goes on after a restart, and ends when the gateway comes to no clean end again and again', async t => {
  const { store, install, serve } = await stage(t)
  await install('2.0.0')
  const first = await serve()
  await first.service.engine.assess(window())
  await first.stop()
  t.same(store.state().trial, { returnTo: 'a', starts: 0, windows: 1 })
  const killed = [await serve(), await serve(), await serve()]
  t.ok(killed.every(({ version }) => version() === '2.0.0'))
  const last = await serve()
  t.equal(last.version(), '1.0.0')
  t.match(store.state().slots.b?.fault, /no clean end/)
})

t.test('a bundle that the configuration names runs, and no other is taken', async t => {
  const { bundle, serve } = await stage(t)
  const directory = bundle('9.0.0')
  const trust = join(directory, '../trust')
  const { service, version } = await serve({ fixed: await loadBundle(directory, [trust]) })
  t.equal(version(), '9.0.0')
  await t.rejects(
    service.install(bundle('2.0.0'), () => {}),
    { code: 'MODEL_FIXED' },
  )
  await t.rejects(service.rollback(), { code: 'MODEL_FIXED' })
})

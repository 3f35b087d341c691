import { mkdirSync, rmdirSync } from 'node:fs'
import t from 'tap'
import { InferenceError } from '../../../gateway/inference/inference-error.js'
import { LIMITS, stage, until, window } from './service-stage.js'

t.test('a window that a second bundle on trial fails is answered by the last that has proved itself', async t => {
  const failing = { assess: () => Promise.reject(new InferenceError('MODEL_FAILED', 'not a number')) }
  const { bundle, serve, open } = await stage(t, { '3.0.0': failing })
  const { service, version } = await serve({ limits: { ...LIMITS, windows: 1e6 } })
  await service.install(bundle('2.0.0'), () => {})
  await service.install(bundle('3.0.0'), () => {})
  t.equal(open.size, 2, 'the replaced one is gone')
  t.equal((await service.engine.assess(window())).model.version, '1.0.0')
  await until(() => version() === '1.0.0')
})

t.test('a trial whose end cannot be written down is decided when it can', async t => {
  const failing = { assess: () => Promise.reject(new InferenceError('MODEL_FAILED', 'not a number')) }
  const { store, bundle, serve, log } = await stage(t, { '2.0.0': failing })
  const { service, version } = await serve()
  await service.install(bundle('2.0.0'), () => {})
  const inTheWay = `${store.stateFile}.new`
  mkdirSync(inTheWay)
  t.equal((await service.engine.assess(window())).model.version, '1.0.0')
  await until(() => log.includes('the bundle could not be exchanged'))
  rmdirSync(inTheWay)
  t.equal((await service.engine.assess(window())).model.version, '1.0.0')
  await until(() => version() === '1.0.0')
  t.match(store.state(), { active: 'a', trial: null })
})

t.test('a bundle that was installed just before the gateway ends is not credited with windows of another', async t => {
  const { store, bundle, install, serve } = await stage(t)
  const { service, stop } = await serve()
  await service.install(bundle('2.0.0'), () => {})
  await service.engine.assess(window())
  await install('3.0.0')
  await stop()
  t.match(store.state(), { slots: { b: { version: '3.0.0' } }, trial: { windows: 0 } })
})

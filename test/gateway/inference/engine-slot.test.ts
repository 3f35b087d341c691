import t, { type Test } from 'tap'
import { createEngineSlot } from '../../../gateway/inference/engine-slot.js'
import { type BundleEngine, startEngine } from '../../../gateway/inference/start-engine.js'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import { buildBundle } from '../../models/fixtures/build-bundle.js'
import { SLOW, window } from './fixtures/tiny-setup.js'

async function start(t: Test, version: string): Promise<BundleEngine> {
  const { directory, trust } = buildBundle(t.testdir(), { manifest: manifest => Object.assign(manifest, { version }) })
  return startEngine(await loadBundle(directory, [trust]), { variant: 'fp32', workers: 1 })
}

t.test(
  'windows that stream through a change of engines are each answered once, by the engine they were given to',
  async t => {
    const old = await start(t, '1.0.0')
    const slot = createEngineSlot(old)
    const before = Array.from({ length: 8 }, () => slot.assess(window(SLOW, 20)))
    t.ok(slot.depth > 1, 'some wait')
    await t.test('replaced while they wait', async t => {
      const replaced = slot.replace(await start(t, '2.0.0'))
      t.equal(slot.model.version, '2.0.0')
      const after = Array.from({ length: 8 }, () => slot.assess(window(SLOW, 20)))
      t.same(
        (await Promise.all(before)).map(({ model }) => model.version),
        Array(8).fill('1.0.0'),
      )
      t.same(
        (await Promise.all(after)).map(({ model }) => model.version),
        Array(8).fill('2.0.0'),
      )
      await replaced
      await t.rejects(old.assess(window()), { code: 'ENGINE_CLOSED' }, 'the old engine is gone')
    })
    await slot.close()
    await t.rejects(slot.assess(window()), { code: 'ENGINE_CLOSED' })
  },
)

t.test('an engine that comes after the end is closed at once', async t => {
  const slot = createEngineSlot(await start(t, '1.0.0'))
  await slot.close()
  await t.test('too late', async t => {
    const late = await start(t, '2.0.0')
    await slot.replace(late)
    await t.rejects(late.assess(window()), { code: 'ENGINE_CLOSED' })
  })
})

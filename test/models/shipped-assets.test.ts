import { existsSync } from 'node:fs'
import t from 'tap'
import { startEngine } from '../../gateway/inference/start-engine.js'
import { loadBundle } from '../../models/bundle/load-bundle.js'
import { SHIPPED_BUNDLE, SHIPPED_CATALOG, SHIPPED_DEMO_RECORDING } from '../../models/shipped-assets.js'

t.test('the shipped bundle is signed by a shipped key, and its ONNX variants pass their goldens here', async t => {
  const bundle = await loadBundle(SHIPPED_BUNDLE)
  for (const { file } of bundle.manifest.variants.filter(({ format }) => format === 'onnx')) {
    const engine = await startEngine(bundle, { variant: file, provider: 'cpu', workers: 1 })
    t.equal(engine.model.variant, file)
    await engine.close()
  }
})

t.test('what else the package ships is where the code looks for it', async t => {
  t.ok(existsSync(SHIPPED_CATALOG))
  t.ok(existsSync(`${SHIPPED_DEMO_RECORDING}.hea`))
})

import { existsSync } from 'node:fs'
import t from 'tap'
import { startEngine } from '../../../gateway/inference/start-engine.js'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import { SHIPPED_BUNDLE } from '../../../models/shipped-assets.js'

/** The TensorFlow Lite variant that ships, in each library that runs one: its goldens pass, or the start fails. */

const bundle = await loadBundle(SHIPPED_BUNDLE)
const variant = bundle.manifest.variants.find(({ format }) => format === 'tflite')?.file
const LIBRARIES = ['ECGCLIP_TFLITE', 'ECGCLIP_LITERT']
const paths = LIBRARIES.map(name => process.env[name])

for (const [i, name] of LIBRARIES.entries()) {
  const missing = !existsSync(paths[i] ?? '') && `set ${name} (docs/boards.md)`
  const skip = variant ? missing : 'the shipped bundle has no such variant'
  t.test(`the TensorFlow Lite variant passes its goldens through the library of ${name}`, { skip }, async t => {
    for (const library of LIBRARIES) delete process.env[library]
    process.env[name] = paths[i]
    const engine = await startEngine(bundle, { variant: variant!, provider: 'cpu', workers: 1 })
    t.equal(engine.model.variant, variant)
    await engine.close()
  })
}

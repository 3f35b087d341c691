import { existsSync } from 'node:fs'
import t from 'tap'
import { startEngine } from '../../../gateway/inference/start-engine.js'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import type { Variant } from '../../../models/bundle/manifest.js'
import { SHIPPED_BUNDLE } from '../../../models/shipped-assets.js'

/** Each variant that ships beside int8 and fp32, on what this machine has for it: its goldens pass, or the start fails. */

const bundle = await loadBundle(SHIPPED_BUNDLE)
const shipped = (is: (variant: Variant) => boolean) => bundle.manifest.variants.find(is)?.file
const noVariant = 'the shipped bundle has no such variant'

async function runs(variant: string): Promise<string> {
  const engine = await startEngine(bundle, { variant, provider: 'cpu', workers: 1 })
  await engine.close()
  return engine.model.variant
}

const LIBRARIES = ['ECGCLIP_TFLITE', 'ECGCLIP_LITERT']
const named = LIBRARIES.map(variable => process.env[variable])
const tflite = shipped(({ format }) => format === 'tflite')
for (const [i, library] of named.entries()) {
  const skip = (!tflite && noVariant) || (!existsSync(library ?? '') && `set ${LIBRARIES[i]} (docs/boards.md)`)
  t.test(`the TensorFlow Lite variant passes its goldens through the library of ${LIBRARIES[i]}`, { skip }, async t => {
    for (const variable of LIBRARIES) delete process.env[variable]
    process.env[LIBRARIES[i]!] = library
    t.equal(await runs(tflite!), tflite)
  })
}

for (const [name, file] of [
  ['float16', shipped(({ precision }) => precision === 'fp16')],
  ['symmetric', shipped(({ scheme }) => scheme === 's8s8')],
] as const)
  t.test(
    `the ${name} variant passes its goldens on the CPU, for which it is not meant`,
    { skip: !file && noVariant },
    async t => t.equal(await runs(file!), file),
  )

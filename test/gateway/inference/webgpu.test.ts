import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { listSupportedBackends } from 'onnxruntime-node'
import t from 'tap'
import { startEngine } from '../../../gateway/inference/start-engine.js'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import { buildBundle, expected, fixture } from '../../models/fixtures/build-bundle.js'

/** SwiftShader, a Vulkan without a GPU, as Debian's package chromium-common ships it. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json'
const icd = process.env.VK_ICD_FILENAMES ?? SWIFTSHADER
const skip = !listSupportedBackends().some(({ name }) => name === 'webgpu')
  ? 'onnxruntime-node has no WebGPU here'
  : spawnSync('sh', ['-c', '/sbin/ldconfig -p | grep -q libvulkan.so.1']).status !== 0
    ? 'install libvulkan1'
    : !existsSync(icd) && 'install chromium-common, or set VK_ICD_FILENAMES to a Vulkan driver’s manifest'

t.test('a model runs on a GPU through WebGPU, within the tolerance of the goldens', { skip }, async t => {
  process.env.VK_ICD_FILENAMES = icd
  const goldens = { 'plain.onnx': expected.expected['fp32.onnx'] }
  const { directory, trust } = buildBundle(t.testdir(), {
    files: { 'plain.onnx': fixture('plain.onnx'), 'goldens.json': Buffer.from(JSON.stringify(goldens)) },
    manifest(manifest) {
      manifest.goldens.tolerance = 1e-4
      manifest.variants = [{ ...manifest.variants[1]!, file: 'plain.onnx', providers: ['webgpu'] }]
    },
  })
  const engine = await startEngine(await loadBundle(directory, [trust]), { provider: 'webgpu', workers: 1 })
  t.equal(engine.model.provider, 'webgpu')
  t.match(engine.candidates, [{ outcome: 'chosen', provider: 'webgpu' }])
  await engine.close()
})

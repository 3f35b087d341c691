import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { loadConfig } from '../../../gateway/config/load-config.js'
import type { Report } from '../../../gateway/doctor/check.js'
import { modelCheck } from '../../../gateway/doctor/model-check.js'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import { generateSigningKey } from '../../../models/bundle/signing-key.js'
import { SHIPPED_BUNDLE } from '../../../models/shipped-assets.js'
import { openModelStore } from '../../../models/store/model-store.js'
import { buildBundle } from '../../models/fixtures/build-bundle.js'
import { runCli } from './run-cli.js'

const modelOf = (report: Report) => report.filter(({ check }) => check === 'model')

t.test('doctor says what runs the model, and why everything else does not', async t => {
  const { directory, trust } = buildBundle(t.testdir(), {
    files: { 'int8.onnx': Buffer.from('not a model') },
    manifest: ({ variants }) => Object.assign(variants[1]!, { providers: ['edgetpu', 'cpu'] }),
  })
  const cli = runCli('doctor', '--json', '--bundle', directory, '--trust', trust)
  await cli.ended
  const model = modelOf(JSON.parse(cli.out()) as Report)
  t.match(model.slice(0, 4), [
    { subject: 'tiny 1.0.0', outcome: 'ok' },
    { subject: 'int8.onnx on cpu', outcome: 'note', detail: /refused: .*protobuf/i },
    { subject: 'fp32.onnx on edgetpu', outcome: 'note', detail: /refused: no such provider/ },
    { subject: 'fp32.onnx on cpu', outcome: 'ok', detail: /chosen: [\d.]+ ms/ },
  ])
  const elsewhere = process.platform === 'darwin' ? 'dml' : 'coreml'
  t.match(
    model.find(({ subject }) => subject === `onnx on ${elsewhere}`),
    { outcome: 'note', detail: /not here: it needs/ },
  )
})

t.test('doctor looks at the bundle that was installed, with the overlay that was made for it', async t => {
  const folder = t.testdir()
  const data = join(folder, 'data')
  const { directory, trust } = buildBundle(folder)
  const install = (source: string) =>
    openModelStore(join(data, 'models'), [trust]).install(source, { prove: async () => {}, now: () => new Date() })
  const { sha256: bundle } = await install(directory)
  const key = join(folder, 'key.pem')
  const { publicKey } = generateSigningKey(key)
  writeFileSync(join(trust, 'site.pem'), readFileSync(publicKey))
  const overlay = join(folder, 'overlay.json')
  const about = { schema: 'urn:ecgclip:overlay:1', name: 'ward', disable: [], thresholds: {}, heads: [] }
  const check = async (folder: string, bundle: string, key: string) => {
    writeFileSync(overlay, JSON.stringify({ ...about, bundle }))
    const signing = runCli('model', 'sign-overlay', overlay, '--key', key, '--bundle', folder, '--trust', trust)
    t.equal(await signing.ended, 0, signing.err())
    return modelCheck.run(loadConfig(undefined, { data, trust, overlay }))
  }
  const findings = await check(directory, bundle, key)
  t.match(findings, [{ subject: 'tiny 1.0.0', outcome: 'ok' }])
  t.notOk(findings.some(({ outcome }) => outcome === 'failed' || outcome === 'warning'))
  const { sha256: other } = await loadBundle(SHIPPED_BUNDLE)
  t.match(await check(SHIPPED_BUNDLE, other, key), [
    { subject: 'tiny 1.0.0' },
    { subject: 'overlay', outcome: 'warning' },
  ])
})

t.test('doctor looks at the installed bundle, and says why the gateway would not run it', async t => {
  const folder = t.testdir()
  const { directory, trust } = buildBundle(folder)
  const config = join(folder, 'gateway.yaml')
  writeFileSync(config, JSON.stringify({ version: 1, data: join(folder, 'data'), trust }))
  const doctor = async () => {
    const cli = runCli('doctor', '--json', '-c', config)
    await cli.ended
    return modelOf(JSON.parse(cli.out()) as Report)
  }
  const store = openModelStore(join(folder, 'data', 'models'), [trust])
  const { paths } = await store.install(directory, { prove: async () => {}, now: () => new Date() })
  t.match(await doctor(), [{ subject: 'tiny 1.0.0', outcome: 'ok' }])
  writeFileSync(paths['fp32.onnx']!, 'rot')
  t.match(await doctor(), [
    { subject: /^reference/, outcome: 'ok' },
    { subject: 'store', outcome: 'warning', detail: /fp32\.onnx was changed after signing/ },
  ])
})

t.test('the benchmark prints the same table, with a reason for every candidate that it did not run', async t => {
  const { directory, trust } = buildBundle(t.testdir(), { files: { 'int8.onnx': Buffer.from('not a model') } })
  const program = fileURLToPath(new URL('../../../bench/candidates.js', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [program, '--bundle', directory, '--trust', trust])
  t.match(stdout, /^refused {4}int8\.onnx on cpu: .*protobuf/im)
  t.match(stdout, /^chosen {5}fp32\.onnx on cpu: [\d.]+ ms a window, [\d.]+ at best$/m)
  t.match(stdout, /^not tried {2}any tflite on delegate: it needs /m)
  t.notMatch(stdout, /undefined/)
})

t.test('doctor fails when a provider that is asked for cannot run the model', async t => {
  const { directory, trust } = buildBundle(t.testdir())
  const cli = runCli('doctor', '--bundle', directory, '--trust', trust, '--provider', 'no-such')
  t.equal(await cli.ended, 3)
  t.match(cli.out(), /^failed +model: inference: .*no such provider/m)
  t.match(cli.err(), /^ecgclip: \d+ of \d+ checks failed\n$/)
})

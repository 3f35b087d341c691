import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import type { Report } from '../../../gateway/doctor/check.js'
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

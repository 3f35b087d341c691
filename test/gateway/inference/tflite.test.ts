import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { startEngine } from '../../../gateway/inference/start-engine.js'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import { buildBundle, expected, fixture } from '../../models/fixtures/build-bundle.js'

/** `test/run.mjs` takes it out of an npm package. */
const library = process.env.ECGCLIP_TFLITE ?? ''
const skip = !existsSync(library) && 'set ECGCLIP_TFLITE to the path of libtensorflowlite_c.so (docs/boards.md)'
const noCompiler = spawnSync('gcc', ['--version']).status !== 0 && 'install gcc'

async function engine(t: Test, provider: string, environment: Record<string, string>) {
  for (const [name, value] of Object.entries({ ECGCLIP_TFLITE: library, ...environment })) {
    const before = process.env[name]
    process.env[name] = value
    t.teardown(() => {
      if (before === undefined) delete process.env[name]
      else process.env[name] = before
    })
  }
  const goldens = { ...expected.expected, 'fp32.tflite': expected.expected['fp32.onnx'] }
  const { directory, trust } = buildBundle(t.testdirName, {
    files: { 'fp32.tflite': fixture('fp32.tflite'), 'goldens.json': Buffer.from(JSON.stringify(goldens)) },
    manifest(manifest) {
      manifest.goldens.tolerance = 1e-5
      manifest.variants[0] = { ...manifest.variants[1]!, file: 'fp32.tflite', format: 'tflite' }
    },
  })
  const engine = await startEngine(await loadBundle(directory, [trust]), {
    variant: 'fp32.tflite',
    provider,
    workers: 1,
  })
  t.teardown(() => engine.close())
  return engine
}

t.test('a model passes its goldens through TensorFlow Lite’s C API', { skip }, async t => {
  t.testdir()
  const { model, assess } = await engine(t, 'cpu', {})
  t.match(model, { variant: 'fp32.tflite', provider: 'cpu' })
  t.equal((await assess(new Float32Array(150))).probabilities[0], 0.5)
})

/** A real delegate: XNNPACK of the library itself, in the dress of an external one. It refuses whatever option it does not know. */
const DELEGATE = `
#include <stddef.h>
#include <string.h>
void *TfLiteXNNPackDelegateCreate(const void *options);
void TfLiteXNNPackDelegateDelete(void *delegate);
void *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(keys[i], "device") || strcmp(values[i], "usb:0")) { report("no such device"); return NULL; }
  return TfLiteXNNPackDelegateCreate(NULL);
}
void tflite_plugin_destroy_delegate(void *delegate) { TfLiteXNNPackDelegateDelete(delegate); }
`

function compileDelegate(t: Test): string {
  const folder = t.testdir({ 'delegate.c': DELEGATE })
  const path = join(folder, 'libdelegate.so')
  const flags = ['-shared', '-fPIC', '-o', path, join(folder, 'delegate.c'), library, `-Wl,-rpath,${dirname(library)}`]
  t.equal(spawnSync('gcc', flags, { stdio: 'inherit' }).status, 0)
  return path
}

t.test(
  'an external delegate by its path gets its options and runs the model',
  { skip: skip || noCompiler },
  async t => {
    const delegate = compileDelegate(t)
    const { model } = await engine(t, 'delegate', {
      ECGCLIP_TFLITE_DELEGATE: delegate,
      ECGCLIP_TFLITE_DELEGATE_OPTIONS: 'device:usb:0',
    })
    t.match(model, { variant: 'fp32.tflite', provider: 'delegate' })
  },
)

t.test('a delegate that does not start is refused with what it says', { skip: skip || noCompiler }, async t => {
  const delegate = compileDelegate(t)
  await t.rejects(
    engine(t, 'delegate', { ECGCLIP_TFLITE_DELEGATE: delegate, ECGCLIP_TFLITE_DELEGATE_OPTIONS: 'device:usb:1' }),
    { code: 'NO_VARIANT_PASSED', message: /the delegate .* does not start: no such device/ },
  )
})

t.test('a delegate that is not there is refused', { skip }, async t => {
  t.testdir()
  await t.rejects(engine(t, 'delegate', { ECGCLIP_TFLITE_DELEGATE: '/nowhere/libedgetpu.so.1' }), {
    code: 'NO_VARIANT_PASSED',
    message: /\/nowhere\/libedgetpu\.so\.1 was named as a library but does not exist/,
  })
})

import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { BundleError, type BundleErrorCode } from '../../../models/bundle/bundle-error.js'
import { loadBundle, readBundleFile } from '../../../models/bundle/load-bundle.js'
import { buildBundle, type Draft, type Edits } from '../fixtures/build-bundle.js'

/** The code of the error that loading ends with; also holds every error to what all of them promise. */
async function refusal(t: Test, directory: string, trust: string): Promise<string> {
  try {
    await loadBundle(directory, [trust])
  } catch (error) {
    if (!(error instanceof BundleError)) throw error
    t.equal(error.exitCode, 3)
    t.notMatch(error.message, /\n/)
    return error.code
  }
  return 'accepted'
}

function signed(t: Test, edits: Edits = {}): { directory: string; trust: string; key: string } {
  return buildBundle(t.testdir(), edits)
}

const loaded = ({ directory, trust }: { directory: string; trust: string }) => loadBundle(directory, [trust])

t.test('a bundle signed by a trusted key is read and cannot be changed', async t => {
  const { directory, trust, key } = signed(t)
  const bundle = await loadBundle(directory, [trust])
  t.equal(bundle.manifest.name, 'tiny')
  t.equal(bundle.key, key)
  t.match(bundle.sha256, /^[0-9a-f]{64}$/)
  t.same(readFileSync(bundle.paths['MODEL_CARD.md']!, 'utf8'), '# A model for tests\n')
  t.throws(() => {
    ;(bundle.manifest.tasks[0]!.threshold as { value: number }).value = 1
  }, TypeError)
})

t.test('a quality model comes with the bundle, and must be one that this gateway can use', async t => {
  const text = readFileSync('test/gateway/window/vectors/quality-model.json', 'utf8')
  const withQuality = (json: string) =>
    signed(t, {
      files: { 'quality.json': Buffer.from(json) },
      manifest: manifest => {
        manifest.quality = { file: 'quality.json' }
      },
    })
  const fitting = JSON.parse(text)
  const { rate, samples } = (await loaded(signed(t))).manifest.input
  fitting.features = { ...fitting.features, rate, samples }
  const bundle = await loaded(withQuality(JSON.stringify(fitting)))
  t.same(bundle.quality, fitting)
  for (const wrong of [text, '{', JSON.stringify({ ...fitting, weights: [1] })]) {
    const { directory, trust } = withQuality(wrong)
    t.equal(await refusal(t, directory, trust), 'BUNDLE_QUALITY_INVALID')
  }
})

t.test('a folder that a link leads to is read, as an A/B store needs', async t => {
  const { directory, trust } = signed(t)
  symlinkSync(directory, join(trust, '../active'))
  t.equal((await loadBundle(join(trust, '../active'), [trust])).directory, directory)
})

t.test('one changed bit in any byte of the signature, or anywhere in the manifest or a file, is noticed', async t => {
  const { directory, trust } = signed(t)
  for (const name of readdirSync(directory)) {
    const path = join(directory, name)
    const original = readFileSync(path)
    const step = name === 'manifest.sig' ? 1 : Math.ceil(original.length / 97)
    for (let at = 0; at < original.length; at += step) {
      const bytes = Buffer.from(original)
      bytes[at]! ^= 1 << (at % 8)
      writeFileSync(path, bytes)
      await t.rejects(loadBundle(directory, [trust]), BundleError, `${name}, byte ${at}`)
    }
    writeFileSync(path, original)
  }
  t.equal(await refusal(t, directory, trust), 'accepted')
})

t.test(
  'a signature file in another spelling of the same JSON is refused, with blanks or a newline as in the specification not',
  async t => {
    const { directory, trust } = signed(t)
    const path = join(directory, 'manifest.sig')
    const compact = readFileSync(path, 'utf8')
    const { key, sig } = JSON.parse(compact) as { key: string; sig: string }
    for (const same of [
      compact.trimEnd(),
      `{"key": "${key}", "sig": "${sig}"}`,
      `{"key": "${key}", "sig": "${sig}"}\n`,
    ]) {
      writeFileSync(path, same)
      t.equal(await refusal(t, directory, trust), 'accepted')
    }
    for (const other of [
      '',
      '{}',
      JSON.stringify({ sig, key }),
      JSON.stringify({ key, sig, more: 1 }),
      ` ${compact}`,
    ]) {
      writeFileSync(path, other)
      t.equal(await refusal(t, directory, trust), 'BUNDLE_SIGNATURE_MALFORMED')
    }
  },
)

t.test('a signature counts only with a key that is trusted here', async t => {
  const { directory, trust, key } = signed(t)
  const pem = join(trust, `${key}.pem`)
  const publicKey = readFileSync(pem)
  rmSync(pem)
  t.equal(await refusal(t, directory, trust), 'BUNDLE_KEY_UNKNOWN')
  writeFileSync(join(trust, 'any-name.pem'), publicKey)
  t.equal(await refusal(t, directory, trust), 'accepted')
})

t.test('a key file that is not an Ed25519 public key is an error and not ignored', async t => {
  const { directory, trust } = signed(t)
  const { privateKey } = generateKeyPairSync('ed25519')
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  for (const pem of [
    privateKey.export({ type: 'pkcs8', format: 'pem' }),
    publicKey.export({ type: 'spki', format: 'pem' }),
    'nothing',
  ]) {
    writeFileSync(join(trust, 'wrong.pem'), pem)
    t.equal(await refusal(t, directory, trust), 'BUNDLE_TRUST_INVALID')
  }
  t.equal(await refusal(t, directory, join(trust, 'absent')), 'BUNDLE_TRUST_INVALID')
})

t.test('the folder holds what the manifest lists, all of it and nothing else', async t => {
  const { directory, trust } = signed(t)
  const stray = join(directory, 'stray.txt')
  const card = join(directory, 'MODEL_CARD.md')
  const elsewhere = join(directory, '../card')

  writeFileSync(stray, '')
  t.equal(await refusal(t, directory, trust), 'BUNDLE_FILE_UNLISTED')
  rmSync(stray)
  mkdirSync(stray)
  t.equal(await refusal(t, directory, trust), 'BUNDLE_FILE_NOT_PLAIN')
  rmSync(stray, { recursive: true })
  renameSync(card, elsewhere)
  t.equal(await refusal(t, directory, trust), 'BUNDLE_FILE_MISSING')
  symlinkSync(elsewhere, card)
  t.equal(await refusal(t, directory, trust), 'BUNDLE_FILE_NOT_PLAIN', 'not even a link to the very same bytes')
  rmSync(card)
  writeFileSync(card, '# A model for tests, changed\n')
  t.equal(await refusal(t, directory, trust), 'BUNDLE_FILE_CHANGED', 'another size')
  renameSync(elsewhere, card)
  t.equal(await refusal(t, directory, trust), 'accepted')
})

t.test('a path that is not a bundle is named', async t => {
  const { directory, trust } = signed(t)
  t.equal(await refusal(t, join(directory, 'absent'), trust), 'BUNDLE_FILE_MISSING')
  t.equal(await refusal(t, join(directory, 'MODEL_CARD.md'), trust), 'BUNDLE_UNREADABLE')
  t.equal(await refusal(t, trust, trust), 'BUNDLE_FILE_MISSING')
})

t.test('a manifest or signature too large to be one is not read', async t => {
  const { directory, trust } = signed(t)
  writeFileSync(join(directory, 'manifest.sig'), Buffer.alloc(2000))
  t.equal(await refusal(t, directory, trust), 'BUNDLE_TOO_LARGE')
})

t.test('a file that changes after loading is noticed when it is read', async t => {
  const { directory, trust } = signed(t)
  const bundle = await loadBundle(directory, [trust])
  const bytes = await readBundleFile(bundle, 'goldens.json')
  t.same(bytes, readFileSync(join(directory, 'goldens.json')))
  bytes[0]! ^= 1
  writeFileSync(join(directory, 'goldens.json'), bytes)
  await t.rejects(readBundleFile(bundle, 'goldens.json'), { code: 'BUNDLE_FILE_CHANGED' })
})

t.test('a signed manifest must also mean something', async t => {
  const cases: [BundleErrorCode, string, Edits][] = [
    ['BUNDLE_MANIFEST_INVALID', 'not JSON', { text: () => '{' }],
    ['BUNDLE_MANIFEST_INVALID', 'not UTF-8', { text: json => Buffer.from(json.replace('tiny', 'tin\xff'), 'latin1') }],
    ['BUNDLE_MANIFEST_INVALID', 'an unknown key', edit(m => Object.assign(m, { extra: 1 }))],
    ['BUNDLE_MANIFEST_INVALID', 'a file outside the folder', edit(m => (m.variants[0]!.file = '../fp32.onnx'))],
    [
      'BUNDLE_MANIFEST_INVALID',
      'a calibration that is not finite',
      { text: json => json.replace('"a":1,', '"a":1e999,') },
    ],
    ['BUNDLE_TASK_REPEATED', 'two tasks of one id', edit(m => (m.tasks[1]!.id = 'AFIB'))],
    ['BUNDLE_VARIANT_REPEATED', 'two variants of one file', edit(m => (m.variants[1]!.file = 'int8.onnx'))],
    ['BUNDLE_LEADS_INCONSISTENT', 'a lead twice', edit(m => (m.input.leads[1] = 'I'))],
    ['BUNDLE_LEADS_INCONSISTENT', 'more leads needed than there are', edit(m => (m.input.minimumLeads = 4))],
    ['BUNDLE_RESAMPLING_INCONSISTENT', 'an even filter', edit(m => m.input.resampling[0]!.taps.push(1))],
    ['BUNDLE_RESAMPLING_INCONSISTENT', 'a ratio that misses the rate', edit(m => (m.input.resampling[0]!.up = 3))],
    ['BUNDLE_RESAMPLING_INCONSISTENT', 'two filters', edit(m => m.input.resampling.push(m.input.resampling[0]!))],
    ['BUNDLE_ALERT_WITHOUT_EVIDENCE', 'an alert without evidence', edit(m => (m.tasks[0]!.evidence = null))],
    ['BUNDLE_ALERT_INCONSISTENT', 'more windows than there are', edit(m => (m.tasks[0]!.alert!.need = 4))],
    ['BUNDLE_ALERT_INCONSISTENT', 'clearing above the threshold', edit(m => (m.tasks[0]!.alert!.clearBelow = 0.6))],
    [
      'BUNDLE_RULE_OUT_INCONSISTENT',
      'a level to rule out by that also alerts',
      edit(m => (m.tasks[0]!.ruleOut = { value: 0.6, rule: 'none', sensitivity: 1, specificity: 1 })),
    ],
    ['BUNDLE_FILE_UNDECLARED', 'a variant that is not listed', edit(m => delete m.files['fp32.onnx'])],
    ['BUNDLE_FILE_UNDECLARED', 'goldens that are not listed', edit(m => (m.goldens.inputs = 'absent.bin'))],
    ['BUNDLE_GOLDENS_INCONSISTENT', 'goldens of another size', edit(m => (m.goldens.count = 17))],
    ['BUNDLE_FILE_UNDECLARED', 'heads that are not listed', edit(m => (m.heads!.file = 'absent.bin'))],
    ['BUNDLE_HEADS_INCONSISTENT', 'heads of another size', edit(m => (m.heads!.channels = 7))],
    ['BUNDLE_TOO_LARGE', 'a file too large', edit(m => (m.files['fp32.onnx']!.bytes = 2 ** 40))],
  ]
  for (const [code, what, edits] of cases)
    await t.test(what, async t => {
      const { directory, trust } = signed(t, edits)
      t.equal(await refusal(t, directory, trust), code)
    })
})

function edit(manifest: (draft: Draft) => void): Edits {
  return { manifest }
}

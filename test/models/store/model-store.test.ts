import { generateKeyPairSync } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import { packBundle } from '../../../models/bundle/pack-bundle.js'
import { SHIPPED_BUNDLE } from '../../../models/shipped-assets.js'
import { type InstallSteps, openModelStore } from '../../../models/store/model-store.js'
import { confirmed, returned } from '../../../models/store/store-transitions.js'
import { entriesOf, writeArchive } from '../fixtures/build-archive.js'
import { buildBundle } from '../fixtures/build-bundle.js'
import { signer, stage, steps } from './store-stage.js'

t.test('a store that nobody has used yet is empty, and looking at it leaves nothing behind', async t => {
  const { store } = stage(t)
  t.equal(store.state().active, null)
  t.equal(existsSync(store.folder), false)
})

t.test('an archive is installed, on trial, and is whole in its slot', async t => {
  const { store, archive, trust } = stage(t)
  trust()
  const proved: string[] = []
  const phases: string[] = []
  const file = await archive('1.0.0')
  const bundle = await store.install(file, {
    ...steps,
    prove: async ({ directory }) => void proved.push(directory),
    progress: (phase, bytes, total) => {
      t.ok(bytes <= total)
      phases.push(phase)
    },
  })
  t.equal(bundle.manifest.version, '1.0.0')
  t.equal(proved.length, 1)
  t.same([...new Set(phases)], ['check', 'unpack', 'prove'])
  const { active, trial, slots } = store.state()
  t.equal(active, 'a')
  t.same(trial, { returnTo: null, starts: 0, windows: 0 })
  t.match(slots.a, { name: 'tiny', version: '1.0.0', sha256: bundle.sha256, installed: '2026-01-01T00:00:00.000Z' })
  t.equal((await store.bundleIn('a')).sha256, bundle.sha256)
  t.same(readdirSync(join(store.folder, 'incoming')), [])
})

t.test('a folder is installed as an archive is', async t => {
  const { store, folder, trust } = stage(t)
  trust()
  const { directory } = buildBundle(join(folder, 'plain'), { signer })
  await store.install(directory, steps)
  rmSync(directory, { recursive: true })
  t.equal((await store.bundleIn('a')).manifest.name, 'tiny')
})

t.test('only two bundles are ever kept', async t => {
  const { store, archive, trust } = stage(t)
  trust()
  for (const version of ['1.0.0', '2.0.0', '3.0.0']) {
    await store.install(await archive(version), steps)
    await store.update(confirmed)
  }
  const { slots, active } = store.state()
  t.same([slots.a?.version, slots.b?.version, active], ['3.0.0', '2.0.0', 'a'])
  t.equal(readdirSync(join(store.folder, 'bundles')).length, 2)
})

t.test('whatever is wrong with a bundle, the one before stays active and nothing is left of it', async t => {
  const { store, folder, archive, trust } = stage(t)
  trust()
  await store.install(await archive('1.0.0', 5), steps)
  const before = await store.update(confirmed)
  const { directory } = buildBundle(join(folder, 'changed'), { signer })
  const entries = entriesOf(directory)
  const changed = entries.map(entry => {
    if (entry.path !== 'fp32.onnx') return entry
    const content = Buffer.from(entry.content!)
    content[100]! ^= 1
    return { ...entry, content }
  })
  const cases: Record<string, [string, Partial<InstallSteps>?]> = {
    BUNDLE_KEY_UNKNOWN: [await archive('2.0.0', 6, generateKeyPairSync('ed25519'))],
    BUNDLE_COUNTER_LOWER: [await archive('0.9.0', 4)],
    BUNDLE_FILE_CHANGED: [writeArchive(folder, changed)],
    BUNDLE_FILE_MISSING: [join(folder, 'absent.tar.gz')],
    BUNDLE_FILE_NOT_PLAIN: ['/dev/null'],
    GOLDENS: [
      await archive('3.0.0', 7),
      { prove: () => Promise.reject(Object.assign(new Error('off by 0.3 in the goldens'), { code: 'GOLDENS' })) },
    ],
  }
  for (const [code, [source, others = {}]] of Object.entries(cases)) {
    await t.rejects(store.install(source, { ...steps, ...others }), { code }, code)
    t.same(store.state(), before, code)
    t.same(readdirSync(join(store.folder, 'incoming')), [], code)
    t.equal(readdirSync(join(store.folder, 'bundles')).length, 1, code)
  }
  t.equal((await store.bundleIn('a')).manifest.version, '1.0.0')
})

t.test('a gateway without keys installs the shipped bundle and no other, not even one of the same key', async t => {
  const { store, archive, folder } = stage(t)
  await t.rejects(store.install(await archive('1.0.0'), steps), { code: 'BUNDLE_KEY_UNKNOWN' })
  const packed = join(folder, 'shipped.tar.gz')
  await packBundle(await loadBundle(SHIPPED_BUNDLE), packed)
  await store.install(packed, steps)
  t.equal((await store.bundleIn('a')).sha256, (await loadBundle(SHIPPED_BUNDLE)).sha256)
})

t.test('what a revoked key signed is neither installed nor started, and the key is never trusted again', async t => {
  const { store, archive, trust, folder } = stage(t)
  const id = trust()
  await store.install(await archive('1.0.0'), steps)
  await store.bundleIn('a')
  await store.keys.revoke(id)
  await t.rejects(store.bundleIn('a'), { code: 'BUNDLE_KEY_UNKNOWN' })
  await t.rejects(store.install(await archive('2.0.0'), steps), { code: 'BUNDLE_KEY_UNKNOWN' })
  t.throws(() => trust(), { code: 'KEY_REVOKED' })
  t.match(
    (await store.keys.list()).filter(({ origin }) => origin === 'site'),
    [{ id, revoked: true }],
  )
  const elsewhere = openModelStore(store.folder, [folder])
  await t.rejects(elsewhere.bundleIn('a'), { code: 'BUNDLE_KEY_UNKNOWN' }, 'wherever the key lies')
  await t.rejects(store.keys.revoke('nonsense'), { code: 'KEY_UNKNOWN' })
})

t.test('a bundle signed anew with the next key takes the place of the same one signed with the last', async t => {
  const { store, archive, trust, folder } = stage(t)
  const old = trust()
  await store.install(await archive('1.0.0'), steps)
  await store.update(confirmed)
  const next = generateKeyPairSync('ed25519')
  const file = join(folder, 'next.pem')
  writeFileSync(file, next.publicKey.export({ type: 'spki', format: 'pem' }))
  store.keys.trust(file)
  const bundle = await store.install(await archive('1.0.0', 1, next), steps)
  await store.keys.revoke(old)
  t.equal((await store.bundleIn('b')).sha256, bundle.sha256)
})

t.test('a private key is not trusted, nor anything else that is no public key', async t => {
  const { store, folder } = stage(t)
  const file = join(folder, 'key.pem')
  const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 })
  for (const pem of [
    signer.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    rsa.publicKey.export({ type: 'spki', format: 'pem' }),
    '',
  ]) {
    writeFileSync(file, pem)
    t.throws(() => store.keys.trust(file), { code: 'KEY_INVALID', exitCode: 2 })
  }
})

t.test('a bundle that the disk has damaged is noticed, and installing it again mends it', async t => {
  const { store, archive, trust } = stage(t)
  trust()
  const file = await archive('1.0.0')
  const { paths } = await store.install(file, steps)
  await store.update(confirmed)
  writeFileSync(paths['int8.onnx']!, 'rot')
  await t.rejects(store.bundleIn('a'), { code: 'BUNDLE_FILE_CHANGED' })
  await store.install(file, steps)
  t.equal((await store.bundleIn('a')).manifest.version, '1.0.0')
})

t.test('a state that is not whole is moved aside, and the store is empty', async t => {
  const { store, archive, trust } = stage(t)
  trust()
  await store.install(await archive('1.0.0'), steps)
  writeFileSync(store.stateFile, '{"half')
  t.equal(store.state().active, null)
  t.equal(readFileSync(`${store.stateFile}.damaged`, 'utf8'), '{"half')
})

t.test('one bundle is installed at a time, and whoever comes second is told at once', async t => {
  const { store, archive, trust } = stage(t)
  trust()
  const [one, two] = [await archive('1.0.0'), await archive('2.0.0')]
  let proceed = () => {}
  const proving = new Promise<void>(resolve => {
    proceed = resolve
  })
  let reached = () => {}
  const begun = new Promise<void>(resolve => {
    reached = resolve
  })
  const first = store.install(one, {
    ...steps,
    prove: () => {
      reached()
      return proving
    },
  })
  await begun
  await t.rejects(openModelStore(store.folder).install(two, steps), { code: 'STORE_BUSY' })
  proceed()
  await first
  t.equal(store.state().slots.a?.version, '1.0.0')
})

t.test('a bundle that failed its trial can be installed again once it was given up', async t => {
  const { store, archive, trust } = stage(t)
  trust()
  const file = await archive('1.0.0')
  await store.install(file, steps)
  await store.update(state => returned(state, 'too slow'))
  await store.install(file, steps)
  t.match(store.state(), { active: 'a', slots: { a: { fault: null } } })
})

t.test('what an interrupted installation left is cleared away by the next one', async t => {
  const { store, archive, trust } = stage(t)
  trust()
  mkdirSync(join(store.folder, 'incoming/unpacked'), { recursive: true })
  mkdirSync(join(store.folder, 'bundles/litter'), { recursive: true })
  cpSync(await archive('0.1.0'), join(store.folder, 'incoming/fetched.tar.gz'))
  await store.install(await archive('1.0.0'), steps)
  t.same(readdirSync(join(store.folder, 'incoming')), [])
  t.equal(readdirSync(join(store.folder, 'bundles')).length, 1)
})

import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import { packBundle } from '../../../models/bundle/pack-bundle.js'
import { type InstallSteps, openModelStore } from '../../../models/store/model-store.js'
import { rolledBack } from '../../../models/store/store-transitions.js'
import { buildBundle } from '../fixtures/build-bundle.js'

// A real disk that is full: a tmpfs, which only root may mount.
const skip = process.getuid?.() === 0 && process.platform === 'linux' ? false : 'only root may mount a small disk'

t.test('a disk that fills up in any phase leaves the bundle before in use, and says so', { skip }, async t => {
  const folder = t.testdir()
  const signer = generateKeyPairSync('ed25519')
  const archive = async (version: string) => {
    const root = join(folder, version)
    const { directory, trust } = buildBundle(root, { signer, manifest: draft => Object.assign(draft, { version }) })
    const file = join(root, 'bundle.tar.gz')
    await packBundle(await loadBundle(directory, [trust]), file)
    return file
  }
  const [first, second] = [await archive('1.0.0'), await archive('2.0.0')]
  const disk = mkdtempSync(join(tmpdir(), 'ecgclip-full-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tmpfs', disk])
  t.teardown(() => {
    execFileSync('umount', [disk])
    rmSync(disk, { recursive: true })
  })
  const store = openModelStore(join(disk, 'models'))
  const public_ = join(folder, 'public.pem')
  writeFileSync(public_, signer.publicKey.export({ type: 'spki', format: 'pem' }))
  store.keys.trust(public_)
  const steps: InstallSteps = { prove: async () => {}, now: () => new Date('2026-01-01T00:00:00Z') }
  await store.install(first, steps)

  const ballast = join(disk, 'ballast')
  const fill = (bytes = Number.POSITIVE_INFINITY) => {
    const file = openSync(ballast, 'a')
    try {
      for (let written = 0; written < bytes; written += 4096) writeSync(file, Buffer.alloc(4096))
    } catch (error) {
      t.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
    } finally {
      closeSync(file)
    }
  }
  const cases: [string, InstallSteps, () => void][] = [
    ['before it begins', steps, () => fill(20 * 2 ** 20)],
    ['while it unpacks', { ...steps, progress: (phase, bytes) => phase === 'unpack' && bytes > 0 && fill() }, () => {}],
    ['when it is to be activated', { ...steps, prove: async () => fill() }, () => {}],
  ]
  for (const [when, during, before] of cases) {
    before()
    await t.rejects(
      store.install(second, during),
      { code: 'STORE_FULL', message: /(is full|has no room).*; free some space/ },
      when,
    )
    rmSync(ballast)
    const { active, slots } = store.state()
    t.match(slots[active!], { version: '1.0.0' })
    t.equal((await store.bundleIn(active!)).manifest.version, '1.0.0')
    t.same(readdirSync(join(store.folder, 'incoming')), [])
  }
  t.equal((await store.install(second, steps)).manifest.version, '2.0.0', 'with room it succeeds')
  fill()
  await t.rejects(store.update(rolledBack), { code: 'STORE_FULL', message: /is full; free some space/ })
  t.equal(store.state().slots[store.state().active!]?.version, '2.0.0')
})

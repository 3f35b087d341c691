import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import { packBundle } from '../../../models/bundle/pack-bundle.js'
import { type InstallSteps, openModelStore } from '../../../models/store/model-store.js'
import { buildBundle } from '../fixtures/build-bundle.js'

export const signer = generateKeyPairSync('ed25519')
export const steps: InstallSteps = { prove: async () => {}, now: () => new Date('2026-01-01T00:00:00Z') }

/** A store that trusts the signer, and archives of its bundles. */
export function stage(t: Test) {
  const folder = t.testdir()
  let made = 0
  async function archive(version: string, counter = 1, key = signer): Promise<string> {
    const root = join(folder, `made-${made++}`)
    const edits = {
      signer: key,
      manifest: (draft: { version: string; counter: number }) => Object.assign(draft, { version, counter }),
    }
    const { directory, trust } = buildBundle(root, edits)
    const file = join(root, 'bundle.tar.gz')
    await packBundle(await loadBundle(directory, [trust]), file)
    return file
  }
  const store = openModelStore(join(folder, 'store'), [])
  const trust = () => {
    const file = join(folder, 'public.pem')
    writeFileSync(file, signer.publicKey.export({ type: 'spki', format: 'pem' }))
    return store.keys.trust(file)
  }
  return { folder, store, archive, trust }
}

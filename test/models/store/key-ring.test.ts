import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { stage } from './store-stage.js'

t.test('a rotation that cannot be, because the old key is misspelt, trusts no new one', async t => {
  const { store, folder, trust } = stage(t)
  const old = trust()
  const next = join(folder, 'next.pem')
  writeFileSync(next, generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }))
  for (const misspelt of [old.slice(1), old.replace(/^./, digit => (digit === '0' ? '1' : '0'))])
    await t.rejects(store.keys.rotate(misspelt, next, []), { code: 'KEY_UNKNOWN', exitCode: 2 })
  t.same([...(await store.keys.trusted()).keys()], [old])
})

t.test('keys that are revoked at once are all revoked', async t => {
  const { store } = stage(t)
  const ids = Array.from({ length: 40 }, (_, i) => i.toString(16).padStart(16, '0'))
  const program = `
    import { openModelStore } from ${JSON.stringify(new URL('../../../models/store/model-store.js', import.meta.url))}
    const { keys } = openModelStore(process.argv[1])
    for (const id of process.argv.slice(2)) await keys.revoke(id)`
  const revoke = (some: string[]) =>
    promisify(execFile)(process.execPath, ['--input-type=module', '-e', program, store.folder, ...some])
  await Promise.all([revoke(ids.slice(0, 20)), revoke(ids.slice(20))])
  const site = (await store.keys.list()).filter(({ origin }) => origin === 'site')
  t.same(site.map(({ id }) => id).sort(), ids)
})

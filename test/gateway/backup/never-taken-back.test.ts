import { join } from 'node:path'
import t from 'tap'
import { makeBackup } from '../../../gateway/backup/make-backup.js'
import { restoreBackup } from '../../../gateway/backup/restore-backup.js'
import { loadConfig } from '../../../gateway/config/load-config.js'
import { generateSigningKey } from '../../../models/bundle/signing-key.js'
import { openModelStore } from '../../../models/store/model-store.js'

t.test('a restore trusts no key that was revoked since, and lowers no counter', async t => {
  const folder = t.testdir()
  const data = join(folder, 'data')
  const store = openModelStore(join(data, 'models'))
  const lost = generateSigningKey(join(folder, 'lost.pem'))
  const kept = generateSigningKey(join(folder, 'kept.pem'))
  for (const { publicKey } of [lost, kept]) store.keys.trust(publicKey)
  await store.update(state => ({ ...state, counters: { ecg: 3, other: 9 } }))
  const file = join(folder, 'backup.tar.gz')
  const config = { ...loadConfig(undefined), data }
  await makeBackup(file, { config, configFile: undefined, version: '0', now: new Date(0) })

  await store.keys.revoke(lost.id)
  await store.update(state => ({ ...state, counters: { ecg: 5 } }))
  await restoreBackup(file, { configFile: join(folder, 'gateway.yaml'), data, force: true })
  t.same([...(await store.keys.trusted()).keys()], [kept.id])
  t.throws(() => store.keys.trust(lost.publicKey), { code: 'KEY_REVOKED' })
  t.same(store.state().counters, { ecg: 5, other: 9 })
})

import { chmodSync, statSync } from 'node:fs'
import t from 'tap'
import { stage, steps } from './store-stage.js'

/** Does it as somebody who owns nothing here: root may read whatever there is. */
function asNobody<T>(work: () => T): T {
  const root = process.getuid?.() === 0
  if (root) process.seteuid?.('nobody')
  try {
    return work()
  } finally {
    if (root) process.seteuid?.(0)
  }
}

for (const [whose, folder, file] of [
  ['a state', 0o777, 0],
  ['a store', 0, 0o600],
] as const)
  t.test(`${whose} that may not be read is neither moved away nor taken for an empty one`, async t => {
    const { store, archive, trust } = stage(t)
    const key = trust()
    await store.install(await archive('1.0.0'), steps)
    await store.keys.revoke(key)
    const modes = [store.folder, store.stateFile, store.keys.revokedFile].map(
      path => [path, statSync(path).mode] as const,
    )
    chmodSync(store.stateFile, file)
    chmodSync(store.keys.revokedFile, file)
    chmodSync(store.folder, folder)
    const refused = { code: 'STORE_UNUSABLE', message: /EACCES.*as the user of the gateway/ }
    try {
      asNobody(() => t.throws(() => store.state(), refused))
      await asNobody(() => t.rejects(store.keys.trusted(), { message: /cannot be read/ }))
    } finally {
      for (const [path, mode] of modes) chmodSync(path, mode)
    }
    t.equal(store.state().active, 'a')
  })

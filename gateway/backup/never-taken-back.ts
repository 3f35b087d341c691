import { join } from 'node:path'
import { openModelStore } from '../../models/store/model-store.js'

/**
 * What was decided in a state folder since the backup was made, and a restore must not take back: which keys are never to be
 * trusted again, and how far the bundles' counters have risen. `restored`: the state of the backup, before it is put in place.
 */
export async function neverTakenBack(data: string, restored: string): Promise<void> {
  const [here, there] = [data, restored].map(state => openModelStore(join(state, 'models')))
  const keys = await here!.keys.list().catch(() => []) // damaged, which a restore may be meant to mend
  for (const { id, revoked } of keys) if (revoked) await there!.keys.revoke(id)
  const risen = Object.entries(here!.state().counters)
  if (risen.length === 0) return
  await there!.update(state => {
    const counters = { ...state.counters }
    for (const [name, counter] of risen) counters[name] = Math.max(counters[name] ?? 0, counter)
    return { ...state, counters }
  })
}

import type { Bundle } from '../../models/bundle/load-bundle.js'
import type { ModelStore } from '../../models/store/model-store.js'
import { SLOTS } from '../../models/store/store-state.js'

/** The model store as people and programs are shown it. */
export interface StoreReport {
  readonly bundles: readonly ReportedBundle[]
}

export interface ReportedBundle {
  readonly slot: 'a' | 'b' | 'shipped'
  readonly name: string
  readonly version: string
  readonly counter: number
  readonly sha256: string
  readonly key: string
  /** Null for the shipped one. */
  readonly installed: string | null
  /** `trial`: it runs, and has yet to prove itself; `damaged`: it cannot be run. */
  readonly state: 'active' | 'trial' | 'kept' | 'damaged'
  /** What speaks against running it. */
  readonly fault: string | null
}

/** Every bundle of the store is read and checked for it, for a slot is worth only what can be run from it. */
export async function storeReport(store: ModelStore, shipped: Bundle): Promise<StoreReport> {
  const { active, trial, slots } = store.state()
  const running = trial === null ? 'active' : 'trial'
  const { name, version, counter } = shipped.manifest
  const { sha256, key } = shipped
  const bundles: ReportedBundle[] = [
    {
      ...{ slot: 'shipped', name, version, counter, sha256, key, installed: null },
      state: active === null ? 'active' : 'kept',
      fault: null,
    },
  ]
  for (const slot of SLOTS) {
    const entry = slots[slot]
    if (entry === null) continue
    const damage = await store.bundleIn(slot).then(
      () => null,
      (error: Error) => error.message,
    )
    const state = damage !== null ? 'damaged' : slot === active ? running : 'kept'
    bundles.push({ slot, ...entry, state, fault: damage ?? entry.fault })
  }
  return { bundles }
}

import { Command } from 'commander'
import type { Choice, StoreState } from '../../models/store/store-state.js'
import { activated, rolledBack } from '../../models/store/store-transitions.js'
import { choice, nameOf, printJson, provenFor, type StoreFlags, storeOf, storeOptions } from './model-store.js'

/** `ecgclip model activate`: another bundle of the store. */
export function modelActivateCommand(): Command {
  return storeOptions(new Command('activate'))
    .description('run another bundle of the store; it has to pass its goldens here, and is on trial like a new one')
    .argument('<slot>', 'a, b or shipped', choice)
    .action(async (slot: Choice, flags: StoreFlags) => {
      const { store, config } = storeOf(flags)
      // Before anything is changed, and not while the store is locked: it takes seconds.
      if (slot !== null && store.state().slots[slot] !== null) await provenFor(config)(await store.bundleIn(slot))
      tell(await store.update(state => activated(state, slot)), flags)
    })
}

/** `ecgclip model rollback`: the bundle before this one. */
export function modelRollbackCommand(): Command {
  return storeOptions(new Command('rollback'))
    .description('go back to the bundle before the active one, or from the first to the shipped one')
    .action(async (flags: StoreFlags) => {
      const { store } = storeOf(flags)
      tell(await store.update(rolledBack), flags)
    })
}

function tell({ active, slots }: StoreState, { json }: StoreFlags): void {
  const entry = active === null ? null : slots[active]
  if (json) printJson({ active: nameOf(active), name: entry?.name ?? null, version: entry?.version ?? null })
  else
    process.stdout.write(
      `${entry === null ? 'The shipped bundle' : `${entry.name} ${entry.version} in slot ${active}`} is active; a gateway that runs takes it over at once.\n`,
    )
}

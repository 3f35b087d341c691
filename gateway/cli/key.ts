import { Command } from 'commander'
import { DEFAULT_SIGNING_KEY, generateSigningKey } from '../../models/bundle/signing-key.js'
import type { ModelStore } from '../../models/store/model-store.js'
import { SLOTS } from '../../models/store/store-state.js'
import { formatTable } from './format-table.js'
import { printJson, type StoreFlags, storeOf, storeOptions } from './model-store.js'

/** `ecgclip key`: who may make the bundles that a gateway runs. */
export function keyCommand(): Command {
  const key = new Command('key').description('keys that sign bundles, and which of them a gateway trusts')
  key
    .command('generate')
    .description('make a private key to sign bundles with, and the public key that gateways are to trust')
    .option('-o, --out <file>', 'where the private key is written; must not exist yet', DEFAULT_SIGNING_KEY)
    .action(({ out }: { out: string }) => {
      const { id, publicKey } = generateSigningKey(out)
      process.stdout.write(
        `key ${id}\nprivate ${out} (keep it to yourself, and a copy in a safe place)\npublic ${publicKey}\n`,
      )
    })
  storeOptions(key.command('list'))
    .description('the keys that this gateway trusts, and those that it has revoked')
    .action(async (flags: StoreFlags) => {
      const keys = await storeOf(flags).store.keys.list()
      if (flags.json) printJson(keys)
      else
        process.stdout.write(
          formatTable(
            ['key', 'for', 'state'],
            keys.map(({ id, origin, revoked }) => [
              id,
              origin === 'site' ? 'every bundle' : 'the shipped bundle only',
              revoked ? 'revoked' : 'trusted',
            ]),
          ),
        )
    })
  storeOptions(key.command('trust'))
    .description('accept bundles signed with this key; any number of keys may be trusted at once')
    .argument('<file>', 'the public key, PEM')
    .action((file: string, flags: StoreFlags) => {
      const id = storeOf(flags).store.keys.trust(file)
      if (flags.json) printJson({ id })
      else process.stdout.write(`Bundles signed with key ${id} are accepted from now on.\n`)
    })
  storeOptions(key.command('revoke'))
    .description('never accept this key again; a bundle in use that it signed is left at once')
    .argument('<id>', 'as "ecgclip key list" shows it')
    .action((id: string, flags: StoreFlags) => revoke(storeOf(flags).store, id, flags))
  storeOptions(key.command('rotate'))
    .description('trust the next key and revoke the one before; refused while a bundle in the store needs the old one')
    .argument('<id>', 'the old key')
    .argument('<file>', 'the next public key, PEM')
    .option('--force', 'also when bundles in the store become useless by it')
    .action(async (id: string, file: string, flags: StoreFlags & { force?: boolean }) => {
      const { store } = storeOf(flags)
      const next = await store.keys.rotate(id, file, flags.force ? [] : signedWith(store, id))
      if (flags.json) printJson({ id: next, revoked: id })
      else process.stdout.write(`Key ${next} has taken the place of ${id}.\n`)
    })
  return key
}

async function revoke(store: ModelStore, id: string, { json }: StoreFlags): Promise<void> {
  await store.keys.revoke(id)
  const lost = signedWith(store, id)
  if (json) printJson({ id, lost })
  else
    process.stdout.write(
      `Key ${id} is revoked.${lost.length > 0 ? ` No longer used, because it signed them: ${lost.join(', ')}.` : ''}\n`,
    )
}

/** What is in the store and would not be run without this key. */
function signedWith(store: ModelStore, id: string): string[] {
  const { slots } = store.state()
  return SLOTS.flatMap(slot => {
    const entry = slots[slot]
    return entry?.key === id ? [`${entry.name} ${entry.version} in slot ${slot}`] : []
  })
}

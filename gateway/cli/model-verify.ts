import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { verifyBundle } from '../../models/bundle/load-bundle.js'
import { readTrustedKeys } from '../../models/bundle/trusted-keys.js'
import { SHIPPED_TRUST } from '../../models/shipped-assets.js'
import { unpackInto } from '../../models/store/unpack.js'
import { printJson, provenFor, type StoreFlags, storeOf, storeOptions } from './model-store.js'

/** `ecgclip model verify`: everything that installing would check, without installing. */
export function modelVerifyCommand(): Command {
  return storeOptions(new Command('verify'))
    .description(
      'signature, hashes, schema and, on this machine, the goldens of a bundle; exit code 3 if one does not hold',
    )
    .argument('<bundle>', 'a folder or .tar.gz')
    .action(async (path: string, flags: StoreFlags) => {
      const { store, config } = storeOf(flags)
      const keys = new Map([...(await readTrustedKeys([SHIPPED_TRUST])), ...(await store.keys.trusted())])
      const folder = await mkdtemp(join(tmpdir(), 'ecgclip-verify-'))
      try {
        const unpacked = join(folder, 'bundle')
        await unpackInto(unpacked, path, keys, { accept: async () => {}, progress: () => {} })
        const bundle = await verifyBundle(unpacked, keys)
        await provenFor(config)(bundle)
        const { sha256, key } = bundle
        const { name, version, counter } = bundle.manifest
        if (flags.json) printJson({ name, version, counter, sha256, key })
        else
          process.stdout.write(
            `${name} ${version} (counter ${counter}) is whole, signed with ${key}, and passes its goldens here.\n`,
          )
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    })
}

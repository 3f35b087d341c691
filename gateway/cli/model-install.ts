import { SingleBar } from 'cli-progress'
import { Command } from 'commander'
import { fetchBundle } from '../../models/delivery/fetch-bundle.js'
import { printJson, provenFor, type StoreFlags, storeOf, storeOptions } from './model-store.js'

/** `ecgclip model install`: a new bundle, checked whole and proved on this machine before it is used. */
export function modelInstallCommand(): Command {
  return storeOptions(new Command('install'))
    .description('check a bundle, prove it on this machine, and run it on trial; a gateway that runs takes it over')
    .argument('<source>', 'a .tar.gz, a folder, or an https:// address')
    .option('--ca <file>', 'PEM of the authority that signed the server’s certificate')
    .action(async (source: string, flags: StoreFlags & { ca?: string }) => {
      const { store, config } = storeOf(flags)
      const bar = progressBar()
      const progress = (phase: string, bytes: number, total: number) =>
        bar?.update(total > 0 ? bytes / total : 0, { phase })
      const fetched = (path: string) =>
        fetchBundle(source, path, {
          caFile: flags.ca,
          progress: (bytes, total) => progress('fetch', bytes, total ?? 0),
        })
      try {
        const { manifest, sha256, key } = await store.install(/^[a-z]+:\/\//i.test(source) ? fetched : source, {
          progress,
          prove: provenFor(config),
          now: () => new Date(),
        })
        bar?.stop()
        const { active } = store.state()
        const { name, version, counter } = manifest
        if (flags.json) printJson({ slot: active, name, version, counter, sha256, key })
        else
          process.stdout.write(
            `${name} ${version} is in slot ${active}, on trial; a gateway that runs takes it over at once.\n`,
          )
      } finally {
        bar?.stop()
      }
    })
}

function progressBar(): SingleBar | undefined {
  if (!process.stderr.isTTY) return undefined
  const bar = new SingleBar({ format: '{bar} {percentage} % {phase}', stream: process.stderr })
  bar.start(1, 0, { phase: 'check' })
  return bar
}

import { Command } from 'commander'
import { loadBundle } from '../../models/bundle/load-bundle.js'
import { SHIPPED_BUNDLE } from '../../models/shipped-assets.js'
import { type StoreReport, storeReport } from '../model/store-report.js'
import { formatTable } from './format-table.js'
import { printJson, type StoreFlags, storeOf, storeOptions } from './model-store.js'

/** `ecgclip model list`: what is in the slots, and which of it runs. */
export function modelListCommand(): Command {
  return storeOptions(new Command('list'))
    .description('the bundles in the two slots and the shipped one, and which of them runs')
    .action(async (flags: StoreFlags) => {
      const report = await storeReport(storeOf(flags).store, await loadBundle(SHIPPED_BUNDLE))
      if (flags.json) printJson(report)
      else process.stdout.write(asText(report))
    })
}

function asText({ bundles }: StoreReport): string {
  const rows = bundles.map(({ slot, name, version, counter, key, installed, state, fault }) => [
    slot,
    name,
    version,
    String(counter),
    key,
    installed?.slice(0, 16).replace('T', ' ') ?? '',
    fault === null ? state : `${state}: ${fault}`,
  ])
  return formatTable(['slot', 'bundle', 'version', 'counter', 'key', 'installed (UTC)', 'state'], rows)
}

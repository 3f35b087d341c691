import { Command } from 'commander'
import { checkBundle } from '../../models/bundle/check-bundle.js'
import { loadBundle } from '../../models/bundle/load-bundle.js'
import type { SignedManifest } from '../../models/bundle/read-archive.js'
import { readTrustedKeys } from '../../models/bundle/trusted-keys.js'
import { SHIPPED_BUNDLE, SHIPPED_TRUST } from '../../models/shipped-assets.js'
import type { ModelStore } from '../../models/store/model-store.js'
import { SLOTS } from '../../models/store/store-state.js'
import { formatTable } from './format-table.js'
import { printJson, type StoreFlags, storeOf, storeOptions } from './model-store.js'

/** `ecgclip model inspect`: what a bundle says of itself. */
export function modelInspectCommand(): Command {
  return storeOptions(new Command('inspect'))
    .description('what a bundle is, what it was trained on, and how good each of its tasks was found to be')
    .argument('[bundle]', 'a, b, shipped, or a folder or .tar.gz; by default the active one')
    .action(async (what: string | undefined, flags: StoreFlags) => {
      const found = await bundleAt(storeOf(flags).store, what)
      const { sha256, key, manifest } = found
      if (flags.json) printJson({ sha256, key, manifest })
      else process.stdout.write(asText(found))
    })
}

async function bundleAt(store: ModelStore, what: string | undefined): Promise<SignedManifest> {
  const name = what ?? store.state().active ?? 'shipped'
  const slot = SLOTS.find(slot => slot === name)
  if (slot !== undefined) return store.bundleIn(slot)
  if (name === 'shipped') return loadBundle(SHIPPED_BUNDLE)
  return checkBundle(name, new Map([...(await readTrustedKeys([SHIPPED_TRUST])), ...(await store.keys.trusted())]))
}

function asText({ manifest, sha256, key }: SignedManifest): string {
  const { name, version, counter, created, provenance, input, variants, tasks } = manifest
  const facts = [
    ['bundle', `${name} ${version}, counter ${counter}, made ${created}`],
    ['sha256', sha256],
    ['signed with', key],
    ['made from', `${provenance.commit}, recipe ${provenance.recipe}`],
    [
      'input',
      `${input.samples / input.rate} s at ${input.rate} Hz, ${input.leads.join(' ')}, at least ${input.minimumLeads} of them`,
    ],
    ['device rates', [input.rate, ...input.resampling.map(({ from }) => from)].join(', ')],
    ...provenance.datasets.map(({ name, records, licence }) => [
      'trained on',
      `${records} records of ${name} (${licence})`,
    ]),
    ...variants.map(({ file, precision, providers }) => [
      'variant',
      `${file}: ${precision} for ${providers.join(', ')}`,
    ]),
  ] as const
  const width = Math.max(...facts.map(([label]) => label.length))
  const rows = tasks.map(({ id, display, threshold, ruleOut, alert, evidence }) => [
    id,
    display,
    threshold.value.toFixed(3),
    ruleOut === undefined ? '' : ruleOut.value.toPrecision(2),
    alert === null ? '' : `${alert.need} of ${alert.of}, ${alert.tier}`,
    evidence === null ? '' : String(evidence.positives),
    evidence === null ? '' : interval(evidence.prauc),
    evidence === null ? '' : interval(evidence.auroc),
  ])
  const table = formatTable(['task', '', 'threshold', 'rule out', 'alerts', 'n+', 'PRAUC', 'AUROC'], rows)
  return `${facts.map(([label, fact]) => `${label.padEnd(width)}  ${fact}`).join('\n')}\n\n${table}`
}

function interval({ value, low, high }: { value: number; low: number; high: number }): string {
  return `${value.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`
}

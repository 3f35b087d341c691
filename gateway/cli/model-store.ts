import { join } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import type { Bundle } from '../../models/bundle/load-bundle.js'
import { type ModelStore, openModelStore } from '../../models/store/model-store.js'
import { type Choice, SLOTS } from '../../models/store/store-state.js'
import type { Config } from '../config/config.js'
import { loadConfig } from '../config/load-config.js'
import { proveBundle } from '../model/prove-bundle.js'

/** What the commands about models and keys share: whose store they work on. */

export interface StoreFlags {
  config?: string
  data?: string
  trust?: string
  json?: boolean
}

export function storeOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration of the gateway, YAML')
    .option('--data <dir>', 'folder of the gateway’s state; its model store is in it')
    .option('--trust <dir>', 'folder of further public keys whose bundles are accepted')
    .option('--json', 'one JSON object')
}

/** The store of the gateway that the flags name, running or not. */
export function storeOf({ config: file, data, trust }: StoreFlags): { store: ModelStore; config: Config } {
  const config = loadConfig(file, { ...(data !== undefined && { data }), ...(trust !== undefined && { trust }) })
  return {
    config,
    store: openModelStore(join(config.data, 'models'), config.trust === undefined ? [] : [config.trust]),
  }
}

/** Proves a bundle with what the gateway would run it on. */
export function provenFor({ inference }: Config): (bundle: Bundle) => Promise<void> {
  return bundle => proveBundle(bundle, inference)
}

/** An argument that names a slot, or the bundle that needs none. */
export function choice(text: string): Choice {
  if (text === 'shipped') return null
  const slot = SLOTS.find(name => name === text)
  if (slot === undefined) throw new InvalidArgumentError(`It must be ${SLOTS.join(', ')} or shipped.`)
  return slot
}

export const nameOf = (choice: Choice): string => choice ?? 'shipped'

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

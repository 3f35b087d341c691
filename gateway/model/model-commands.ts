import { join } from 'node:path'
import { type Bundle, loadBundle } from '../../models/bundle/load-bundle.js'
import { createChunkTransfer } from '../../models/delivery/chunk-transfer.js'
import { SHIPPED_BUNDLE } from '../../models/shipped-assets.js'
import type { BundleSource, ModelStore } from '../../models/store/model-store.js'
import { type CommandHandler, command, type Progress } from '../mqtt/command.js'
import {
  MAX_CHUNK_BYTES,
  ModelInstallCommandSchema,
  ModelListCommandSchema,
  ModelRollbackCommandSchema,
} from '../mqtt/command-messages.js'
import { takingTurns } from '../mqtt/taking-turns.js'
import type { ModelService } from './model-service.js'
import { storeReport } from './store-report.js'

/** Told no more often than at each of so many equal parts of a phase. */
const PROGRESS_STEPS = 20

/** A piece in base64, and the rest of its message. */
const MAX_INSTALL_COMMAND_BYTES = Math.ceil(MAX_CHUNK_BYTES / 3) * 4 + 1024

export interface ModelCommandParts {
  readonly service: ModelService
  readonly store: ModelStore
  /** PEM of the authority of the server that bundles are fetched from. */
  readonly caFile: string | undefined
}

/** `cmd/model/…`: the bundle of a gateway, from far away. Whoever may publish there still needs a trusted key to change it. */
export function modelCommands({ service, store, caFile }: ModelCommandParts): CommandHandler[] {
  const transfer = createChunkTransfer(join(store.folder, 'transfer'))
  /** Whichever connection they come by: a piece must not take away the archive that is being installed. */
  const inTurn = takingTurns()

  async function install(source: BundleSource, told: ReturnType<typeof steps>): Promise<object> {
    return { ...named(await service.install(source, told)), phase: 'trial' }
  }

  return [
    command(
      'model/install',
      ModelInstallCommandSchema,
      (asked, progress) =>
        inTurn(async () => {
          const told = steps(progress)
          if ('url' in asked)
            return install(async path => {
              const { fetchBundle } = await import('../../models/delivery/fetch-bundle.js') // 4 MB, for once a year
              const fetched = (bytes: number, total: number | null) => told('fetch', bytes, total ?? 0)
              return fetchBundle(asked.url, path, { caFile, progress: fetched })
            }, told)
          const { offset, total } = asked
          const data = Buffer.from(asked.data, 'base64')
          const received = transfer.add({ transfer: asked.transfer, offset, total, data })
          if (received < total) return { phase: 'transfer', bytes: received, total }
          try {
            return await install(transfer.file(asked.transfer), told)
          } finally {
            transfer.drop()
          }
        }),
      MAX_INSTALL_COMMAND_BYTES,
    ),
    command('model/rollback', ModelRollbackCommandSchema, async () => named(await service.rollback())),
    command('model/list', ModelListCommandSchema, async () => storeReport(store, await loadBundle(SHIPPED_BUNDLE))),
  ]
}

const named = ({ manifest: { name, version, counter }, sha256, key }: Bundle) => ({
  name,
  version,
  counter,
  sha256,
  key,
})

/** Progress worth a message. */
function steps(progress: Progress): (phase: string, bytes: number, total: number) => void {
  let last = ''
  return (phase, bytes, total) => {
    const step = `${phase} ${total > 0 ? Math.floor((PROGRESS_STEPS * bytes) / total) : Math.floor(bytes / 2 ** 20)}`
    if (step === last) return
    last = step
    progress({ phase, bytes, total: total > 0 ? total : null })
  }
}

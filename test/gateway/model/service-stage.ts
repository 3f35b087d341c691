import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import { Millis } from '../../../ecg/units.js'
import { type BundleEngine, startEngine } from '../../../gateway/inference/start-engine.js'
import { type ModelServiceOptions, startModelService } from '../../../gateway/model/model-service.js'
import type { Bundle } from '../../../models/bundle/load-bundle.js'
import { openModelStore } from '../../../models/store/model-store.js'
import { confirmed } from '../../../models/store/store-transitions.js'
import { buildBundle, LEADS, SAMPLES } from '../../models/fixtures/build-bundle.js'
import { tempFolder } from '../mqtt/temp-folder.js'

const signer = generateKeyPairSync('ed25519')
export const window = () => new Float32Array(LEADS * SAMPLES)
export const LIMITS = { windows: 3, latency: Millis(60_000), slowWindows: 0 }

/** A store with bundle 1.0.0, proved, and services on it. Engines are real; `spoil` may stand in for what one of them does. */
export async function stage(t: Test, spoil: Partial<Record<string, Partial<BundleEngine>>> = {}) {
  const folder = tempFolder(t) // goes after the services have stopped, which write into it
  const store = openModelStore(join(folder, 'store'))
  const public_ = join(folder, 'public.pem')
  writeFileSync(public_, signer.publicKey.export({ type: 'spki', format: 'pem' }))
  const key = store.keys.trust(public_)
  let made = 0
  const bundle = (version: string, files: Record<string, Buffer> = {}) =>
    buildBundle(join(folder, `made-${made++}`), {
      signer,
      files,
      manifest: draft => Object.assign(draft, { version }),
    }).directory
  const install = (version: string) => store.install(bundle(version), { prove: async () => {}, now: () => new Date() })
  await install('1.0.0')
  await store.update(confirmed)
  const open = new Set<BundleEngine>()
  const log: string[] = []
  const say = (_: object, message: string) => void log.push(message)
  async function serve(others: Partial<ModelServiceOptions> = {}) {
    const service = await startModelService({
      store,
      async startEngine(bundle: Bundle) {
        const engine = await startEngine(bundle, { workers: 1 })
        const close = async () => {
          open.delete(spoilt)
          await engine.close()
        }
        const spoilt: BundleEngine = Object.create(engine, {
          ...Object.getOwnPropertyDescriptors(spoil[bundle.manifest.version] ?? {}),
          close: { value: close },
        })
        open.add(spoilt)
        return spoilt
      },
      monotonic: () => Millis(performance.now()),
      log: { info: say, warn: say, error: say },
      limits: LIMITS,
      ...others,
    })
    let stopped = false
    const stop = async () => {
      if (!stopped) await service.stop()
      stopped = true
    }
    t.teardown(stop)
    return { ...service, service, stop, version: () => service.bundle.manifest.version }
  }
  return { store, key, bundle, install, serve, open, log }
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(20)
}

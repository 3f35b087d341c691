import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Millis } from '../../../ecg/units.js'
import { startEngine } from '../../../gateway/inference/start-engine.js'
import { startModelService } from '../../../gateway/model/model-service.js'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import { packBundle } from '../../../models/bundle/pack-bundle.js'
import { openModelStore } from '../../../models/store/model-store.js'
import { startOrder } from '../../../models/store/store-transitions.js'
import { buildBundle } from '../../models/fixtures/build-bundle.js'

/** `make model-kill` runs it with 200. */
const KILLS = Number(process.env.ECGCLIP_KILLS ?? 15)
const CHILD = fileURLToPath(new URL('./fixtures/install-forever.js', import.meta.url))

t.setTimeout(KILLS * 60_000)

t.test(
  `an installation that is killed at ${KILLS} random instants leaves one whole bundle to start with, always`,
  async t => {
    const folder = t.testdir()
    const signer = generateKeyPairSync('ed25519')
    const archives: string[] = []
    for (const version of ['1.0.0', '2.0.0', '3.0.0']) {
      const root = join(folder, version)
      const { directory, trust } = buildBundle(root, { signer, manifest: draft => Object.assign(draft, { version }) })
      archives.push(join(root, 'bundle.tar.gz'))
      await packBundle(await loadBundle(directory, [trust]), archives.at(-1)!)
    }
    const store = openModelStore(join(folder, 'store'))
    const public_ = join(folder, 'public.pem')
    writeFileSync(public_, signer.publicKey.export({ type: 'spki', format: 'pem' }))
    store.keys.trust(public_)

    let cycle = 1000
    const ran: Record<string, number> = {}
    /** Where the kill found the installation. */
    const found: Record<string, number> = {}
    let finished = 0
    for (let kill = 0; kill < KILLS; kill++) {
      const order = [...archives.slice(kill % 3), ...archives.slice(0, kill % 3)]
      const child = spawn(process.execPath, [CHILD, store.folder, ...order], { stdio: ['ignore', 'pipe', 'inherit'] })
      const ended = once(child, 'exit')
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
      await lines.next()
      if (kill === 0) {
        const began = performance.now()
        await lines.next()
        cycle = performance.now() - began
      }
      await delay(Math.random() * 1.5 * cycle)
      child.kill('SIGKILL')
      t.same(await ended, [null, 'SIGKILL'])

      const incoming = join(store.folder, 'incoming')
      const left = (existsSync(incoming) && readdirSync(incoming).join(' and ')) || 'nothing incoming'
      found[left] = (found[left] ?? 0) + 1
      const state = store.state()
      t.equal(existsSync(`${store.stateFile}.damaged`), false)
      const order_ = startOrder(state)
      t.equal(order_[0], state.active)
      for (const slot of order_) t.equal((await store.bundleIn(slot)).manifest.version, state.slots[slot]?.version)
      // What a gateway does at its start, with the engine that it would run.
      const service = await startModelService({
        store,
        startEngine: bundle => startEngine(bundle, { variant: 'int8', workers: 1 }),
        monotonic: () => Millis(performance.now()),
        log: { info() {}, warn() {}, error: (_, message) => t.fail(message) },
      })
      const { name, version } = service.bundle.manifest
      t.equal(service.fault, null)
      t.equal(`${name} ${version}`, `tiny ${state.slots[state.active!]?.version}`)
      ran[version] = (ran[version] ?? 0) + 1
      await service.stop()
      if (state.trial === null) finished++
    }
    t.comment(`ran ${JSON.stringify(ran)}; found ${JSON.stringify(found)}; ${finished} of ${KILLS} outside of a trial`)
  },
)

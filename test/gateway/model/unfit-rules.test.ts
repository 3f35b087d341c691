import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import t from 'tap'
import { loadConfig } from '../../../gateway/config/load-config.js'
import { startGateway } from '../../../gateway/gateway.js'
import { SHIPPED_DEMO_RECORDING } from '../../../models/shipped-assets.js'
import { openModelStore } from '../../../models/store/model-store.js'
import { confirmed } from '../../../models/store/store-transitions.js'
import { buildBundle } from '../../models/fixtures/build-bundle.js'
import { tempFolder } from '../mqtt/temp-folder.js'

/** A gateway whose site has clearBelow: 0.45 for NORM; the first bundle alerts of it from 0.5 on, the next one from 0.3 on. */

const signer = generateKeyPairSync('ed25519')

t.test('a bundle that the site’s rules for alerts do not fit is given up, and the one before goes on', async t => {
  const folder = tempFolder(t)
  const store = openModelStore(join(folder, 'models'))
  const publicKey = join(folder, 'public.pem')
  writeFileSync(publicKey, signer.publicKey.export({ type: 'spki', format: 'pem' }))
  store.keys.trust(publicKey)
  const install = (version: string, firstTask: string, level: number) => {
    const { directory } = buildBundle(join(folder, version), {
      signer,
      manifest: draft =>
        Object.assign(draft, {
          version,
          input: { ...draft.input, resampling: [{ from: 500, up: 1, down: 10, taps: [0.25, 0.5, 0.25] }] },
          tasks: draft.tasks.map((task, place) => ({
            ...task,
            id: place === 0 ? firstTask : task.id,
            threshold: { ...task.threshold, value: task.id === 'NORM' ? level : task.threshold.value },
          })),
        }),
    })
    return store.install(directory, { prove: async () => {}, now: () => new Date() })
  }
  await install('1.0.0', 'AFIB', 0.5)
  await store.update(confirmed)

  const config = loadConfig(undefined, {
    id: 'gw',
    data: folder,
    devices: [{ uri: `replay:${SHIPPED_DEMO_RECORDING}` }],
    broker: { url: 'embedded', embeddedPort: 0 },
    monitor: { enabled: false },
    hopSeconds: 0.5,
  })
  const tasks = { NORM: { tier: 'prompt', clearBelow: 0.45 } } as const
  const log = { info() {}, warn() {}, error: (_: object, message: string) => t.comment(message) }
  const gateway = await startGateway({ config: { ...config, alerts: { ...config.alerts, tasks } }, version: '0', log })
  t.teardown(() => gateway.stop())
  const client = await connectAsync(gateway.messaging.url.href)
  t.teardown(() => client.endAsync())
  const windows: { tasks: object; model: { version: string } }[] = []
  client.on('message', (_, payload) => windows.push(JSON.parse(payload.toString())))
  await client.subscribeAsync('ecg/gw/device/+/assessment')

  await install('2.0.0', 'AFLT', 0.3)
  for (let i = 0; i < 100 && store.state().trial !== null; i++) await delay(50)
  t.match(store.state(), {
    active: 'a',
    slots: { b: { fault: /^Task NORM can never alert.*clear below 0\.45, threshold 0\.3/ } },
  })
  const before = windows.length
  while (windows.length < before + 4) await delay(50)
  const fallback = gateway.alerting.open().find(({ condition }) => condition.key === 'MODEL_FALLBACK')
  t.match(fallback?.evidence, { detail: /^Task NORM/ })
  for (const { model, tasks } of windows)
    t.same([model.version, Object.keys(tasks)], ['1.0.0', ['AFIB', 'NORM', 'PVC']])
})

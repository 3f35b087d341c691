import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../gateway/config/load-config.js'
import { startGateway } from '../../gateway/gateway.js'
import { buildBundle } from '../models/fixtures/build-bundle.js'
import { assessedWindow } from './alerts/alert-rig.js'
import { tempFolder } from './mqtt/temp-folder.js'

t.test(
  'a reload that leaves the alerts as they are forgets no evidence; one that changes them counts anew',
  async t => {
    const folder = tempFolder(t)
    const { directory, trust } = buildBundle(folder) // AFIB by two of three windows
    const config = loadConfig(undefined, {
      id: 'gw',
      data: join(folder, 'data'),
      bundle: directory,
      trust,
      broker: { url: 'embedded', embeddedPort: 0 },
      monitor: { enabled: false },
    })
    const gateway = await startGateway({ config, version: '0', log: { info() {}, warn() {}, error() {} } })
    t.teardown(() => gateway.stop())
    const started: string[] = []
    gateway.alerting.watch(({ phase, device }) => phase === 'start' && started.push(device))
    const window = (device: string, index: number) =>
      gateway.alerting.window(device, assessedWindow({ AFIB: 0.9 }, Date.now(), { index }))

    window('a', 0)
    gateway.reload({ ...config, log: { ...config.log, level: 'debug' } })
    window('a', 1)
    t.same(started, ['a'])

    window('b', 0)
    gateway.reload({ ...config, alerts: { ...config.alerts, tasks: { AFIB: { threshold: 0.6 } } } })
    window('b', 1)
    t.same(started, ['a'])
    window('b', 2)
    t.same(started, ['a', 'b'])
  },
)

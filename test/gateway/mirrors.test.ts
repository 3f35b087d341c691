import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ConfigSchema } from '../../gateway/config/config.js'
import { startMirrors } from '../../gateway/mirrors.js'
import { alertingFor } from './alerting-rig.js'
import { aedes, cable } from './mqtt/brokers.js'
import { messagingFor, messagingOptions } from './mqtt/messaging-rig.js'
import { gaps, subscribe } from './mqtt/subscriber.js'
import { tempFolder } from './mqtt/temp-folder.js'

t.test('two brokers get every alert, each numbered for itself, and one’s outage is not the other’s', async t => {
  const [near, far] = [await aedes.start(t), await aedes.start(t)]
  const line = await cable(t, far)
  const messaging = await messagingFor(t, near.url)
  const alerting = alertingFor(messaging.publishAlert)
  alerting.condition('d', 'DEVICE_LOST', 'unplugged')
  const { mirrors } = ConfigSchema.parse({ mirrors: { research: { url: line.url.href, base: 'study' } } })
  const common = messagingOptions({ url: '', dataFolder: messaging.dataFolder })
  const start = () => startMirrors(mirrors, common, alerting)
  const first = await start()
  const [here, there] = [await subscribe(t, near.url), await subscribe(t, far.url, 'study')]
  await there.until('what was open before', () => there.alerts.length > 0)
  t.match(there.alerts[0], { phase: 'continue', condition: { key: 'DEVICE_LOST' } })
  t.ok(readdirSync(join(messaging.dataFolder, 'mirrors/research')).includes('outbox'))

  line.cut()
  await there.until('the will', () => there.last('/state')?.state === 'offline')
  for (let n = 0; n < 20; n++) alerting.condition(`d${n}`, 'DEVICE_LOST', 'unplugged')
  await here.until('all of them', () => new Set(here.alerts.map(({ device }) => device)).size === 21)
  line.mend()
  await there.until('all of them', () => new Set(there.alerts.map(({ device }) => device)).size === 21)
  t.same(gaps(there.alerts), [])
  t.equal(there.alerts.filter(({ historical, device }) => historical && device !== 'd').length, 20)

  await first.stop()
  alerting.acknowledge(alerting.open().find(({ device }) => device === 'd')!.id, 'nurse-7')
  const again = await start()
  await there.until('what it missed', () => there.alerts.some(({ acknowledged }) => acknowledged?.by === 'nurse-7'))
  await again.stop()
})

t.test('a mirror and a gateway whose names are alike share a broker', async t => {
  const { url } = await aedes.start(t)
  const other = await messagingFor(t, url, { gateway: 'gw-1-research' })
  const { mirrors } = ConfigSchema.parse({ mirrors: { research: { url: url.href, base: 'study' } } })
  const common = messagingOptions({ url: '', gateway: 'gw-1', dataFolder: tempFolder(t) })
  const far = await subscribe(t, url, 'study')
  const started = await startMirrors(
    mirrors,
    common,
    alertingFor(() => {}),
  )
  t.teardown(started.stop)
  await far.until('its birth', () => far.last('/state')?.state === 'online')
  t.match(other.counters, { connected: true, connects: 1 })
})

t.test('a mirror needs a broker of its own', async t => {
  t.throws(() => ConfigSchema.parse({ mirrors: { x: { url: 'embedded' } } }), /broker of its own/)
  t.throws(() => ConfigSchema.parse({ mirrors: { '../x': { url: 'mqtt://127.0.0.1' } } }), /letters/)
})

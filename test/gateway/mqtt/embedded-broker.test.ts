import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { startEmbeddedBroker } from '../../../gateway/mqtt/embedded-broker.js'
import { freePort } from './brokers.js'
import { messagingFor } from './messaging-rig.js'
import { subscribe } from './subscriber.js'
import { tempFolder } from './temp-folder.js'

t.test('anyone on this host can subscribe to the embedded broker', async t => {
  const messaging = await messagingFor(t, 'embedded')
  t.match(messaging.url.href, /^mqtt:\/\/127\.0\.0\.1:[1-9]\d*$/)
  const subscriber = await subscribe(t, messaging.url)
  await subscriber.until('the birth', () => subscriber.last('gw-1/state')?.state === 'online')
})

t.test('a port in use is said with what to do', async t => {
  const port = await freePort()
  const other = createServer().listen(port, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const refused = { code: 'BROKER_PORT_IN_USE', exitCode: 2, message: new RegExp(`${port}.*another port`) }
  await t.rejects(startEmbeddedBroker(port), refused)
  const broker = { url: 'embedded', embeddedPort: port }
  await t.rejects(messagingFor(t, '', { broker }), refused)
})

t.test('what a person must mend fails at once and leaves nothing behind', async t => {
  const dataFolder = tempFolder(t)
  await t.rejects(messagingFor(t, 'mqtt://broker.example', { dataFolder }), { code: 'BROKER_PLAINTEXT' })
  await t.rejects(messagingFor(t, 'embedded', { dataFolder, base: 'ecg/#' }), { code: 'TOPIC_BASE' })
  await messagingFor(t, 'embedded', { dataFolder })
  await t.rejects(messagingFor(t, 'embedded', { dataFolder }), { code: 'OUTBOX_LOCKED' })
})

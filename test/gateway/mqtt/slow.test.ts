import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import mqtt from 'mqtt'
import t from 'tap'
import { UnixMillis } from '../../../ecg/units.js'
import { assessedWindow } from '../alerts/alert-rig.js'
import { aedes, BROKERS } from './brokers.js'
import { alertOf, messagingFor } from './messaging-rig.js'
import { gaps, subscribe } from './subscriber.js'

/** More than a socket's buffers on both sides hold. */
const MORE_THAN_BUFFERS = 20_000

/** What the gateway may have given to a connection that takes nothing: see `MAX_ASSESSMENTS_UNDER_WAY`. */
const UNDER_WAY = 256

const assessment = () => assessedWindow({ AFIB: 0.1 }, UnixMillis(Date.now()))

t.test('a broker that stops reading costs assessments, which are counted, and neither memory nor alerts', async t => {
  const sockets: Socket[] = []
  const stuck = createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(Buffer.from([0x20, 2, 0, 0])) // CONNACK, accepted
      socket.pause()
    })
  })
  await new Promise<void>(resolve => stuck.listen(0, '127.0.0.1', resolve))
  const close = () => {
    for (const socket of sockets) socket.destroy()
    return new Promise<void>(resolve => stuck.close(() => resolve()))
  }
  t.teardown(close)
  const messaging = await messagingFor(t, `mqtt://127.0.0.1:${(stuck.address() as AddressInfo).port}`)
  while (!messaging.counters.connected) await setImmediate()

  const settled: Array<Promise<boolean>> = []
  for (let i = 0; i < MORE_THAN_BUFFERS; i++) {
    settled.push(messaging.publishAssessment('d', assessment()))
    if (i % 100 === 0) await setImmediate()
  }
  const { assessmentsPublished, assessmentsDropped } = messaging.counters
  t.ok(assessmentsDropped > 0, `${assessmentsPublished} went into the buffers`)
  t.ok(MORE_THAN_BUFFERS - assessmentsPublished - assessmentsDropped <= UNDER_WAY, 'all others were let go at once')
  const alert = alertOf('d', 'AFIB')
  messaging.publishAlert(alert('start'))
  for (let i = 0; i < 99; i++) messaging.publishAlert(alert('update'))
  while (messaging.counters.outboxMessages < 100) await setImmediate()
  await close()
  await Promise.all(settled)
  await messaging.stop()

  const broker = await aedes.start(t)
  const subscriber = await subscribe(t, broker.url)
  await messagingFor(t, broker.url, { dataFolder: messaging.dataFolder })
  await subscriber.until('every alert', () => new Set(subscriber.alerts.map(({ seq }) => seq)).size >= 100)
  t.strictSame(gaps(subscriber.alerts), [])
})

for (const broker of BROKERS)
  t.test(
    `${broker.name}: a subscriber that stops reading holds up neither the gateway nor the others`,
    { skip: broker.skip },
    async t => {
      const at = await broker.start(t)
      const slow = await mqtt.connectAsync(at.url.href, { clientId: 'slow', reconnectPeriod: 0 })
      slow.on('error', () => {})
      t.teardown(() => slow.endAsync(true))
      await slow.subscribeAsync('ecg/#', { qos: 0 })
      slow.stream.unpipe()
      slow.stream.pause()
      const quick = await subscribe(t, at.url)
      const messaging = await messagingFor(t, at.url)
      while (!messaging.counters.connected) await setImmediate()
      for (let i = 0; i < MORE_THAN_BUFFERS; i++) {
        void messaging.publishAssessment('d', assessment())
        if (i % 100 === 0) await setImmediate()
      }
      messaging.publishAlert(alertOf('d', 'AFIB')('start'))
      await quick.until('the alert', () => quick.alerts.length > 0)
      while (messaging.counters.outboxMessages > 0) await setImmediate()
      t.equal(messaging.counters.connects, 1)
    },
  )

import mqtt from 'mqtt'
import t from 'tap'
import { UnixMillis } from '../../../ecg/units.js'
import { aedes, BROKERS, cable } from './brokers.js'
import { alertOf, hostClock, messagingFor, recordedLog } from './messaging-rig.js'
import { gaps, subscribe } from './subscriber.js'

const HOUR_MS = 3600_000

t.test('a clock that is set back an hour changes no number, no order, and makes no time negative', async t => {
  const broker = await aedes.start(t)
  const line = await cable(t, broker)
  const subscriber = await subscribe(t, broker.url)
  let offset = 0
  const clock = { ...hostClock, utc: () => UnixMillis(Date.now() + offset) }
  const messaging = await messagingFor(t, line.url, { clock })
  await subscriber.until('the birth', () => subscriber.last('gw-1/state')?.state === 'online')
  const alert = alertOf('d', 'AFIB')
  messaging.publishAlert(alert('start'))
  await subscriber.until('the start', () => subscriber.alerts.length === 1)
  line.cut()
  messaging.publishAlert(alert('update'))
  offset = -HOUR_MS
  messaging.publishAlert(alert('end'))
  line.mend()
  await subscriber.until('the end', () => subscriber.alerts.at(-1)?.phase === 'end')
  t.same(gaps(subscriber.alerts), [])
  const seqs = subscriber.alerts.map(({ seq }) => seq)
  t.same(
    seqs,
    seqs.toSorted((a, b) => a - b),
  )
  t.ok(subscriber.alerts.every(({ time }) => time.latencyMs >= 0))
})

for (const broker of BROKERS)
  t.test(
    `${broker.name}: another client with the gateway’s name throws it out; it comes back and loses nothing`,
    {
      skip: broker.skip,
    },
    async t => {
      const { url } = await broker.start(t)
      const subscriber = await subscribe(t, url)
      const log = recordedLog()
      const messaging = await messagingFor(t, url, { log })
      await subscriber.until('the birth', () => subscriber.last('gw-1/state')?.state === 'online')
      const intruder = await mqtt.connectAsync(url.href, { clientId: 'ecgclip-gw-1', reconnectPeriod: 0 })
      t.teardown(() => intruder.endAsync(true))
      messaging.publishAlert(alertOf('d', 'AFIB')('start'))
      await subscriber.until('the alert', () => subscriber.alerts.length > 0)
      t.ok(messaging.counters.connects >= 2)
      t.ok(log.lines.some(line => /the broker is away/.test(line)))
      t.same(gaps(subscriber.alerts), [])
    },
  )

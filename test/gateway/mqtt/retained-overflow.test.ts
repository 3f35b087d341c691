import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { aedes, cable } from './brokers.js'
import { alertOf, messagingFor, type StartedMessaging } from './messaging-rig.js'
import { subscribe } from './subscriber.js'

const OUTBOX_BYTES = 50_000

/** Until what was stored first must have gone. */
async function overflow(messaging: StartedMessaging): Promise<void> {
  const dropped = messaging.counters.alertsDropped
  for (let i = 0; messaging.counters.alertsDropped < dropped + 40; i++) {
    const other = alertOf(`other-${i % 5}`, 'PVC')
    messaging.publishAlert(other('start'))
    messaging.publishAlert(other('end'))
    await setImmediate()
  }
}

/** Two alerts that the broker retains, whose ends the outbox gave up while the broker was away; one began anew meanwhile. */
async function endGivenUp(t: Test) {
  const broker = await aedes.start(t)
  const line = await cable(t, broker)
  const subscriber = await subscribe(t, broker.url)
  const messaging = await messagingFor(t, line.url, { outboxBytes: OUTBOX_BYTES })
  await subscriber.until('the birth', () => subscriber.last('gw-1/state')?.state === 'online')
  const [over, again] = [alertOf('d', 'AFIB'), alertOf('d', 'STACH')]
  for (const alert of [over, again]) messaging.publishAlert(alert('start'))
  await subscriber.until('both', () => subscriber.alerts.length >= 2)
  while (messaging.counters.outboxMessages > 0) await setImmediate()
  line.cut()
  await subscriber.until('the will', () => subscriber.last('gw-1/state')?.state === 'offline')
  for (const alert of [over, again]) messaging.publishAlert(alert('end'))
  await overflow(messaging)
  messaging.publishAlert(alertOf('d', 'STACH')('start'))
  return { broker, line, subscriber, messaging }
}

t.test('an alert whose end the outbox gave up is not retained as active for ever', async t => {
  const { broker, line, subscriber } = await endGivenUp(t)
  line.mend()
  await subscriber.until('it is cleared', () => subscriber.last('d/alert/AFIB') === null)
  t.notOk(subscriber.alerts.some(({ condition, phase }) => condition.key === 'AFIB' && phase === 'end'))
  await subscriber.until('what is active', () => subscriber.alerts.at(-1)?.phase === 'continue')
  const late = await subscribe(t, broker.url)
  await late.until('the one that began anew', () => late.last('d/alert/STACH')?.state === 'active')
  t.notOk(late.received.some(({ topic }) => topic.endsWith('d/alert/AFIB')))
})

t.test('nor when the gateway was started anew before it could say so', async t => {
  const { line, subscriber, messaging } = await endGivenUp(t)
  const { dataFolder } = messaging
  await messaging.stop()
  line.mend()
  await messagingFor(t, line.url, { outboxBytes: OUTBOX_BYTES, dataFolder })
  await subscriber.until('it is cleared', () => subscriber.last('d/alert/AFIB') === null)
})

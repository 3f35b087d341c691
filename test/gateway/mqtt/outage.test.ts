import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { setTimeout as delay, setImmediate } from 'node:timers/promises'
import t from 'tap'
import { Millis } from '../../../ecg/units.js'
import { aedes, BROKERS, cable, freePort, mosquitto } from './brokers.js'
import { alertOf, messagingFor, QUICK, recordedLog } from './messaging-rig.js'
import { gaps, subscribe } from './subscriber.js'

for (const broker of BROKERS)
  t.test(broker.name, { skip: broker.skip }, async t => {
    t.test('what an outage stored comes later, in order, as historical; then what is still active', async t => {
      const at = await broker.start(t)
      const line = await cable(t, at)
      const subscriber = await subscribe(t, at.url)
      const messaging = await messagingFor(t, line.url)
      await subscriber.until('the birth', () => subscriber.last('gw-1/state')?.state === 'online')
      const stays = alertOf('d', 'AFIB')
      const ends = alertOf('d', 'PVC')
      messaging.publishAlert(stays('start'))
      await subscriber.until('the live start', () => subscriber.alerts.length === 1)
      while (messaging.counters.outboxMessages > 0) await setImmediate()

      line.cut()
      await subscriber.until('the will', () => subscriber.last('gw-1/state')?.state === 'offline')
      messaging.publishAlert(ends('start'))
      for (let i = 0; i < 100; i++) messaging.publishAlert(ends('update'))
      messaging.publishAlert(ends('end'))
      line.mend()
      await subscriber.until('the continue', () => subscriber.alerts.at(-1)?.phase === 'continue')

      const { alerts, received } = subscriber
      t.strictSame(
        alerts.map(({ seq }) => seq),
        Array.from({ length: 104 }, (_, i) => i + 1),
      )
      t.strictSame(
        alerts.map(({ historical }) => historical),
        [false, ...Array(102).fill(true), false],
      )
      t.match(alerts.at(-1), { phase: 'continue', condition: { key: 'AFIB' }, id: alerts[0]!.id })
      const birth = received.findLastIndex(({ topic }) => topic === 'ecg/gw-1/state')
      const firstStored = received.findIndex(({ message }) => message?.seq === 2)
      t.ok(birth < firstStored, 'the birth comes before what was stored')
      t.match(alerts[1]!.time, { published: /Z$/ })
      t.ok(Date.parse(alerts[1]!.time.published) >= Date.parse(alerts[1]!.time.changed))
      t.equal(subscriber.last('/alert/PVC'), null, 'and the ended one is cleared')
    })

    t.test('a broker that is not there at the start is waited for, and said once', async t => {
      const port = await freePort()
      const log = recordedLog()
      const messaging = await messagingFor(t, `mqtt://127.0.0.1:${port}`, { log })
      messaging.publishAlert(alertOf('d', 'AFIB')('start'))
      while (!log.lines.some(line => line.startsWith('warn'))) await setImmediate()
      await delay(200) // several attempts long
      const at = await broker.start(t, { port })
      const subscriber = await subscribe(t, at.url)
      await subscriber.until('the continue', () => subscriber.alerts.at(-1)?.phase === 'continue')
      t.match(subscriber.alerts.at(-1), { seq: 2, historical: false, condition: { key: 'AFIB' } })
      const warnings = log.lines.filter(line => line.startsWith('warn'))
      t.equal(warnings.length, 1, warnings.join('\n'))
      t.match(warnings[0], /ECONNREFUSED/)
    })

    t.test('numbers and sessions go on across restarts, and what was not delivered still is', async t => {
      const at = await broker.start(t)
      const line = await cable(t, at)
      const subscriber = await subscribe(t, at.url)
      const first = await messagingFor(t, line.url)
      await subscriber.until('the birth', () => subscriber.last('gw-1/state')?.state === 'online')
      const alert = alertOf('d', 'AFIB')
      first.publishAlert(alert('start'))
      await subscriber.until('the start', () => subscriber.alerts.length === 1)
      while (first.counters.outboxMessages > 0) await setImmediate()
      line.cut()
      await subscriber.until('the will', () => subscriber.last('gw-1/state')?.state === 'offline')
      first.publishAlert(alert('update'))
      await first.stop()
      line.mend()

      const second = await messagingFor(t, line.url, { dataFolder: first.dataFolder })
      t.equal(second.session, 2)
      t.match(second.unfinished, [{ device: 'd', phase: 'update', condition: { key: 'AFIB' } }])
      second.publishAlert(alert('end'))
      await subscriber.until('the end', () => subscriber.alerts.some(({ phase }) => phase === 'end'))
      const words = subscriber.alerts.map(({ seq, session, phase, historical }) => [seq, session, phase, historical])
      t.strictSame(words.slice(0, 2), [
        [1, 1, 'start', false],
        [2, 1, 'update', true],
      ])
      t.strictSame(gaps(subscriber.alerts), [])
      await subscriber.until('the clearing', () => subscriber.last('/alert/AFIB') === null)
      await second.stop()
      const third = await messagingFor(t, line.url, { dataFolder: first.dataFolder })
      t.strictSame([third.session, third.unfinished], [3, []])
    })
  })

t.test('a live alert overtakes a long backlog, but never one of its own topic', async t => {
  const at = await aedes.start(t)
  const line = await cable(t, at)
  const subscriber = await subscribe(t, at.url)
  line.cut()
  const messaging = await messagingFor(t, line.url)
  const stored = alertOf('d', 'AFIB')
  messaging.publishAlert(stored('start'))
  for (let i = 0; i < 500; i++) messaging.publishAlert(stored('update'))
  while (messaging.counters.outboxMessages < 501) await delay(5)
  line.mend()
  await subscriber.until('the backlog to begin', () => subscriber.alerts.length > 0)
  messaging.publishAlert(stored('end'))
  messaging.publishAlert(alertOf('d', 'PVC')('start'))
  await subscriber.until('all of it', () => new Set(subscriber.alerts.map(({ seq }) => seq)).size === 503)

  const words = subscriber.alerts.map(({ condition, phase, historical }) => ({ key: condition.key, phase, historical }))
  const live = words.findIndex(({ key }) => key === 'PVC')
  t.ok(live < 400, `the live one came as number ${live}`)
  t.match(words[live], { phase: 'start', historical: false })
  t.strictSame(words.at(-1), { key: 'AFIB', phase: 'end', historical: false })
  const own = subscriber.alerts.filter(({ condition }) => condition.key === 'AFIB').map(({ seq }) => seq)
  t.strictSame(
    own,
    own.toSorted((a, b) => a - b),
    'each topic in order',
  )
  t.equal(subscriber.last('/alert/AFIB'), null)
})

t.test('a broker that is stopped and started again and again loses nothing', { skip: mosquitto.skip }, async t => {
  let broker = await mosquitto.start(t)
  const { port } = broker
  const keep = broker.folder
  const subscriber = await subscribe(t, broker.url)
  const messaging = await messagingFor(t, broker.url)
  let published = 0
  const publishing = setInterval(() => {
    const alert = alertOf('d', `K${published % 7}`)
    for (const phase of ['start', 'update', 'end'] as const) messaging.publishAlert(alert(phase))
    published += 3
  }, 5)
  t.teardown(() => clearInterval(publishing))
  for (let round = 1; round <= 3; round++) {
    const seen = subscriber.alerts.length
    await subscriber.until('live alerts', () => subscriber.alerts.length > seen + 50)
    await broker.stop()
    broker = await mosquitto.start(t, { port, folder: keep })
  }
  clearInterval(publishing)
  await subscriber.until('all of them', () => {
    const seqs = new Set(subscriber.alerts.map(({ seq }) => seq))
    return seqs.size >= published && messaging.counters.outboxMessages === 0
  })
  t.strictSame(gaps(subscriber.alerts), [])
})

t.test('a broker that acknowledges nothing is left and tried again, and nothing is lost', async t => {
  const connections: Socket[] = []
  const mute = createServer(socket => {
    connections.push(socket)
    socket.on('error', () => {})
    socket.once('data', () => socket.write(Buffer.from([0x20, 2, 0, 0]))) // CONNACK, accepted; then silence
    socket.resume()
  })
  await new Promise<void>(resolve => mute.listen(0, '127.0.0.1', resolve))
  const { port } = mute.address() as AddressInfo
  const close = () => {
    for (const socket of connections) socket.destroy()
    return new Promise<void>(resolve => mute.close(() => resolve()))
  }
  t.teardown(close)
  const log = recordedLog()
  const messaging = await messagingFor(t, `mqtt://127.0.0.1:${port}`, {
    log,
    timing: { ...QUICK, acknowledgeWithin: Millis(100), stopWithin: Millis(50) },
  })
  const alert = alertOf('d', 'AFIB')
  messaging.publishAlert(alert('start'))
  while (messaging.counters.connects < 3) await delay(10)
  t.ok(log.lines.some(line => /acknowledges nothing/.test(line)))
  const { outboxMessages } = messaging.counters
  t.ok(outboxMessages >= 1, 'nothing leaves the outbox without a PUBACK')
  await messaging.stop()

  await close()
  const broker = await aedes.start(t)
  const subscriber = await subscribe(t, broker.url)
  await messagingFor(t, broker.url, { dataFolder: messaging.dataFolder })
  await subscriber.until('the start', () => subscriber.alerts.some(({ seq }) => seq === 1))
})

t.test('a wrong password is said once, in so many words, and tried again', { skip: mosquitto.skip }, async t => {
  const broker = await mosquitto.start(t, { config: 'allow_anonymous false' })
  const log = recordedLog()
  await messagingFor(t, `mqtt://nurse:secret@127.0.0.1:${broker.port}`, { log })
  while (log.lines.length === 0) await setImmediate()
  await delay(300) // several attempts long
  t.equal(log.lines.length, 1)
  t.match(log.lines[0], /not authori[sz]ed|bad user ?name or password/i)
  t.notMatch(log.lines[0], /secret/)
})

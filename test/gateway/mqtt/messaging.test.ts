import t from 'tap'
import type { Electrode } from '../../../ecg/leads.js'
import { UnixMillis } from '../../../ecg/units.js'
import { noneCounted } from '../../../firmware-bridge/device-stream.js'
import type { DeviceReport } from '../../../gateway/mqtt/device-state-message.js'
import { assessedWindow } from '../alerts/alert-rig.js'
import { BROKERS, cable } from './brokers.js'
import { alertOf, messagingFor } from './messaging-rig.js'
import { subscribe } from './subscriber.js'

const COUNTERS = noneCounted()
const report = (change: Partial<DeviceReport> = {}): DeviceReport => ({
  state: 'streaming',
  reason: 'samples arrive',
  identity: null,
  status: { battery: 80 },
  electrodesOff: [] as Electrode[],
  counters: COUNTERS,
  uncertaintyMs: 4,
  radio: undefined,
  ...change,
})
const window = (index: number) => assessedWindow({ AFIB: 0.1 }, UnixMillis(Date.now()), { index })

for (const broker of BROKERS)
  t.test(broker.name, { skip: broker.skip }, async t => {
    t.test('birth, health and device states are retained; the last words say offline', async t => {
      const { url } = await broker.start(t)
      const messaging = await messagingFor(t, url)
      messaging.publishDeviceState('patch/1', report())
      const early = await subscribe(t, url)
      await early.until('the device state', () => early.last('/device/patch%2F1/state') !== undefined)
      await early.until('health', () => early.last('/health') !== undefined)

      const late = await subscribe(t, url)
      await late.until('what is retained', () => late.received.length === 3)
      t.ok(late.received.every(({ retained }) => retained))
      t.match(late.last('gw-1/state'), { state: 'online', session: 1 })
      t.match(late.last('gw-1/health'), { session: 1, outbox: { messages: 0 }, windowsPerSecond: 0.2 })
      t.match(late.last('/device/patch%2F1/state'), { state: 'streaming', battery: 80, device: 'patch/1' })

      await messaging.stop()
      await late.until('offline', () => late.last('gw-1/state')?.state === 'offline')
      t.strictSame(late.last('gw-1/state'), { state: 'offline', session: 1 })
    })

    t.test(
      'a connection that breaks publishes the will with the session of the birth, and the birth comes again',
      async t => {
        const at = await broker.start(t)
        const line = await cable(t, at)
        const subscriber = await subscribe(t, at.url)
        const messaging = await messagingFor(t, line.url)
        messaging.publishDeviceState('d', report())
        const states = () =>
          subscriber.received.filter(({ topic }) => topic === 'ecg/gw-1/state').map(({ message }) => message)
        await subscriber.until('the birth', () => states().length === 1)
        line.cut()
        await subscriber.until('the will', () => states().length === 2)
        t.strictSame(states()[1], { state: 'offline', session: 1 })
        messaging.publishDeviceState('d', report({ state: 'lost', reason: 'meanwhile' }))
        line.mend()
        await subscriber.until('the state that changed meanwhile', () => subscriber.last('d/state')?.state === 'lost')
        t.match(states()[2], { state: 'online', session: 1 })
        t.equal(messaging.counters.connects, 2)
      },
    )

    t.test(
      'assessments settle with the PUBACK where that is asked for, and are dropped and counted while offline',
      async t => {
        const at = await broker.start(t)
        const line = await cable(t, at)
        const subscriber = await subscribe(t, at.url)
        const messaging = await messagingFor(t, line.url, { assessmentQos: 1 })
        await subscriber.until('the birth', () => subscriber.received.length > 0)
        t.equal(await messaging.publishAssessment('d', window(0)), true)
        line.cut()
        await subscriber.until('the will', () => subscriber.last('gw-1/state')?.state === 'offline')
        t.equal(await messaging.publishAssessment('d', window(1)), false)
        line.mend()
        await subscriber.until('the birth', () => subscriber.last('gw-1/state')?.state === 'online')
        t.equal(await messaging.publishAssessment('d', window(2)), true)
        await subscriber.until('it', () => subscriber.last('/assessment')?.window === 2)
        const windows = subscriber.received
          .filter(({ topic }) => topic.endsWith('/assessment'))
          .map(r => r.message?.window)
        t.strictSame(windows, [0, 2])
        t.match(messaging.counters, { assessmentsPublished: 2, assessmentsDropped: 1 })
      },
    )

    t.test('an alert is retained while it is active; its end is seen before it is cleared', async t => {
      const { url } = await broker.start(t)
      const messaging = await messagingFor(t, url)
      const live = await subscribe(t, url)
      await live.until('the birth', () => live.last('gw-1/state')?.state === 'online')
      const alert = alertOf('patch-1', 'LAFB/LPFB')
      const topic = 'ecg/gw-1/device/patch-1/alert/LAFB%2FLPFB'
      messaging.publishAlert(alert('start'))
      await live.until('the start', () => live.alerts.length === 1)

      const during = await subscribe(t, url)
      await during.until('the retained start', () => during.alerts.length === 1)
      t.match(
        during.received.find(r => r.topic === topic),
        { retained: true, message: { phase: 'start' } },
      )

      messaging.publishAlert(alert('end'))
      const onTopic = () => live.received.filter(r => r.topic === topic)
      await live.until('the clearing', () => onTopic().length === 3)
      t.strictSame(
        onTopic().map(({ message }) => message?.phase ?? null),
        ['start', 'end', null],
      )
      t.match(live.alerts, [
        { seq: 1, session: 1, phase: 'start', historical: false, device: 'patch-1', gateway: 'gw-1', subject: null },
        { seq: 2, session: 1, phase: 'end', state: 'inactive', historical: false },
      ])
      await messaging.stop()
      const after = await subscribe(t, url)
      await after.until('the state', () => after.received.some(r => r.topic === 'ecg/gw-1/state'))
      t.notOk(after.received.some(r => r.topic === topic))
    })
  })

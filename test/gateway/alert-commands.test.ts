import t from 'tap'
import { alertCommands } from '../../gateway/alert-commands.js'
import type { AssessedWindow } from '../../gateway/alerts/assessed-window.js'
import { alertingFor } from './alerting-rig.js'
import { assessedWindow, task } from './alerts/alert-rig.js'
import { BROKERS } from './mqtt/brokers.js'
import { messagingFor } from './mqtt/messaging-rig.js'
import { subscribe } from './mqtt/subscriber.js'
import { bundleInput } from './window/bundle-input.js'

const ALERTS_AT_ONCE = [task('AFIB', { alert: { tier: 'acute', need: 1, of: 1, clearBelow: 0.5 } })]

/** From a window to the subscriber who acknowledges the alert that it raised, over a real broker. */

for (const broker of BROKERS)
  t.test(broker.name, { skip: broker.skip }, async t => {
    const { url } = await broker.start(t)
    const messaging = await messagingFor(t, url)
    const alerting = alertingFor(messaging.publishAlert, { tasks: ALERTS_AT_ONCE })
    messaging.answer(alertCommands(alerting, messaging.publishEvidence))
    const subscriber = await subscribe(t, url)
    await subscriber.until('the birth', () => subscriber.last('gw-1/state')?.state === 'online')
    alerting.window('d', withSignal(assessedWindow({ AFIB: 0.9 }, Date.now(), { leadsAbsent: ['V6'] })))
    await subscriber.until('the start', () => subscriber.alerts.length === 1)
    const { id } = subscriber.alerts[0]!
    const ask = async (verb: string, input: object) => {
      const replies = () => subscriber.received.filter(({ topic }) => topic === `ecg/gw-1/reply/${verb}`)
      const before = replies().length
      void subscriber.publish(`ecg/gw-1/cmd/${verb}`, JSON.stringify(input))
      await subscriber.until('the reply', () => replies().length === before + 1)
      return replies().at(-1)!.message
    }

    t.match(await ask('reset', { transaction: 1, id }), { status: 'error', transaction: 1, code: 'ALERT_ACTIVE' })
    t.match(await ask('ack', { transaction: 2, device: 'd', key: 'AFIB', by: 'nurse-7' }), {
      status: 'ok',
      transaction: 2,
      data: { id, phase: 'update', state: 'active' },
    })
    await subscriber.until('the update', () => subscriber.alerts.length === 2)
    t.match(subscriber.alerts[1], { seq: 2, phase: 'update', acknowledged: { by: 'nurse-7', at: /Z$/ } })
    t.match(await ask('ack', { transaction: 3, id, by: 'nurse-8' }), { status: 'ok', data: { id } })
    t.match(await ask('ack', { transaction: 4, device: 'd', key: 'PVC' }), { status: 'error', code: 'ALERT_UNKNOWN' })
    t.match(await ask('ack', { transaction: 5 }), { status: 'error', code: 'COMMAND_INVALID' })
    t.equal(subscriber.alerts.length, 2, 'none of these said anything more')

    t.match(await ask('evidence', { transaction: 6, id }), { status: 'ok', data: { id, format: 'int16' } })
    await subscriber.until('the evidence', () => subscriber.last(`/d/evidence/${id}`) != null)
    const { leads, ...evidence } = subscriber.last(`/d/evidence/${id}`) as { leads: Record<string, string | null> }
    t.match(evidence, { alert: id, key: 'AFIB', device: 'd', rate: 100, samples: 1000, unit: 'uV' })
    t.equal(leads.V6, null, 'a lead that the device does not have')
    const lead = Buffer.from(leads.II!, 'base64')
    t.strictSame([lead.length, lead.readInt16LE(0), lead.readInt16LE(2)], [2000, 1500, -1500])
    t.match(await ask('evidence', { transaction: 7, id: '0'.repeat(26) }), { code: 'ALERT_WITHOUT_EVIDENCE' })

    const late = await subscribe(t, url)
    await late.until('the retained alert', () => late.alerts.length === 1)
    t.match(late.alerts[0], { id, acknowledged: { by: 'nurse-7' } }, 'who comes later sees that it was acknowledged')
  })

t.test('of the windows behind alerts 3 MiB are kept, the newest', async t => {
  const started: string[] = []
  const alerting = alertingFor(({ id, phase }) => phase === 'start' && started.push(id), { tasks: ALERTS_AT_ONCE })
  for (let patient = 0; patient < 132; patient++)
    alerting.window(`d${patient}`, withSignal(assessedWindow({ AFIB: 0.9 }, Date.now())))
  t.equal(started.length, 132)
  t.throws(() => alerting.evidence(started[0]!), { code: 'ALERT_WITHOUT_EVIDENCE' })
  for (const id of started.slice(1)) t.equal(alerting.evidence(id).bytes, 24_000)
})

t.test('whoever is told of a start finds the window behind it, however many start at once', async t => {
  const ids = Array.from({ length: 40 }, (_, i) => `T${i}`)
  const found: string[] = []
  const alerting = alertingFor(() => {}, {
    tasks: ids.map(id => task(id, { alert: { tier: 'acute', need: 1, of: 1, clearBelow: 0.5 } })),
    input: { ...bundleInput(), rate: 500, samples: 5000 },
  })
  alerting.watch(({ id, condition }) => alerting.evidence(id) && found.push(condition.key))
  const probabilities = Object.fromEntries(ids.map(id => [id, 0.9]))
  alerting.window('d', withSignal(assessedWindow(probabilities, Date.now()), 5000))
  t.same(found, ids)
})

/** Twelve leads of ±1.5 mV. */
function withSignal(assessed: AssessedWindow, samples = 1000): AssessedWindow {
  const signal = Float32Array.from({ length: 12 * samples }, (_, i) => (i % 2 === 0 ? 1.5 : -1.5))
  return { ...assessed, window: { ...assessed.window, signal } }
}

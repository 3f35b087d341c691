import { readdirSync } from 'node:fs'
import t from 'tap'
import { UnixMillis } from '../../../ecg/units.js'
import { alertMessage, published, transitionOf } from '../../../gateway/mqtt/alert-message.js'
import { assessmentMessage } from '../../../gateway/mqtt/assessment-message.js'
import { deviceStateMessage } from '../../../gateway/mqtt/device-state-message.js'
import { jsonSchemas, schemaFileName } from '../../../gateway/mqtt/json-schemas.js'
import { alertRig, assessedWindow, task } from '../alerts/alert-rig.js'
import { schemaFile, schemaObjection, schemaPath } from './message-schemas.js'

const NOW = UnixMillis(Date.parse('2026-03-01T12:00:00.000Z'))
const envelope = { gateway: 'amb-12', seq: 4182, session: 17 }

t.test('the JSON Schemas in the repository are those of the code', async t => {
  const schemas = jsonSchemas()
  for (const [name, schema] of Object.entries(schemas))
    t.strictSame(schemaFile(name), schema, `${name}; to renew them: node dist/gateway/mqtt/schemas/generate.js`)
  const files = readdirSync(schemaPath('.')).filter(file => file.endsWith('.schema.json'))
  t.strictSame(files.sort(), Object.keys(schemas).map(schemaFileName).sort(), 'no more and no fewer')
})

t.test('every alert that the engine makes is a valid message, and comes back from it', async t => {
  const rig = alertRig([task('AFIB'), task('LAFB/LPFB')])
  for (let i = 0; i < 2; i++) rig.window({ AFIB: 0.93, 'LAFB/LPFB': 0.99 }, { quality: 'degraded', leadsOff: ['V3'] })
  rig.condition('patch-1', 'DATA_GAP', '12 of 5000 samples never arrived')
  rig.wait(60_000)
  for (let i = 0; i < 3; i++) rig.window({ AFIB: 0.01, 'LAFB/LPFB': 0 })
  t.ok(rig.said.length >= 8)
  for (const transition of rig.said) {
    const message = alertMessage(transition, envelope)
    t.equal(schemaObjection('alert', message), null, `${transition.phase} ${transition.condition.key}`)
    t.strictSame(transitionOf(JSON.parse(JSON.stringify(message))), transition)
  }
})

t.test('the schema refuses what an alert must not be', async t => {
  const rig = alertRig([])
  const [start] = rig.condition('d', 'DEVICE_LOST', 'gone')
  const good = alertMessage(start!, envelope)
  t.equal(schemaObjection('alert', good), null)
  const wrong: Record<string, object> = {
    'seq 0': { seq: 0 },
    'unknown phase': { phase: 'begin' },
    'time without milliseconds': { time: { ...good.time, raised: '2026-03-01T12:00:00Z' } },
    'time not in UTC': { time: { ...good.time, raised: '2026-03-01T12:00:00.000+01:00' } },
    'a patient’s name': { patient: 'John' },
    'an id that is no ULID': { id: 'alert-1' },
  }
  for (const [what, change] of Object.entries(wrong))
    t.not(schemaObjection('alert', { ...good, ...change }), null, what)
})

t.test('latency counts on while a message waits, and a clock that was set back does not make it negative', async t => {
  const rig = alertRig([])
  const message = alertMessage(rig.condition('d', 'DEVICE_LOST', 'gone')[0]!, envelope)
  const at = Date.parse(message.time.changed)
  t.match(published(message, UnixMillis(at + 1500), true), {
    historical: true,
    time: { published: '2026-03-01T12:00:01.500Z', latencyMs: 1500 },
  })
  t.equal(published(message, UnixMillis(at - 3_600_000), false).time.latencyMs, 0)
})

t.test('an assessment says the window in the device’s own samples, and the probability of every task', async t => {
  const message = assessmentMessage(
    'amb-12',
    'patch-1',
    assessedWindow({ AFIB: Math.fround(0.031), NORM: 1 }, NOW, { index: 3 }),
  )
  t.equal(schemaObjection('assessment', message), null)
  t.match(message, {
    window: 3,
    quality: 'good',
    tasks: { AFIB: 0.031, NORM: 1 },
    signal: { start: '2026-03-01T11:59:50.000Z', end: '2026-03-01T12:00:00.000Z', firstSample: 7500, samples: 5000 },
    model: { provider: 'cpu', precision: 'int8' },
  })
})

t.test('an uninterpretable window never carries findings', async t => {
  const assessed = assessedWindow({ AFIB: 0.99 }, NOW, { quality: 'uninterpretable' })
  const message = assessmentMessage('g', 'd', assessed)
  t.strictSame(message.tasks, {})
  t.equal(schemaObjection('assessment', message), null)
  t.not(
    schemaObjection('assessment', { ...message, tasks: { AFIB: 0.99 } }),
    null,
    'and the schema refuses one that does',
  )
})

t.test('a device state is valid before and after the device has said who it is', async t => {
  const counters = {
    bytes: 0,
    packets: 0,
    badFrames: 1,
    unknownTypes: 0,
    lostPackets: 2,
    duplicateSamples: 0,
    missingSamples: 12,
    resendRequests: 0,
    reboots: 0,
    reopens: 3,
  }
  const report = { state: 'lost', reason: 'unplugged', status: {}, electrodesOff: ['V3'], counters } as const
  const unknown = deviceStateMessage('g', 'd', NOW, {
    ...report,
    identity: null,
    uncertaintyMs: null,
    radio: undefined,
  })
  t.equal(schemaObjection('device', unknown), null)
  t.match(unknown, { state: 'lost', battery: null, electrodesOff: ['V3'], loss: { missingSamples: 12, reopens: 3 } })
  t.equal(unknown.radio, null)
  const near = deviceStateMessage('g', 'd', NOW, {
    ...report,
    identity: null,
    uncertaintyMs: null,
    radio: { rssi: -61, mtu: undefined },
  })
  t.equal(schemaObjection('device', near), null)
  t.same(near.radio, { rssi: -61, mtu: null })
})

t.test('command and reply', async t => {
  t.equal(schemaObjection('command-health', { transaction: 'x' }), null)
  t.equal(schemaObjection('command-health', {}), null)
  t.not(schemaObjection('command-health', { transaction: {} }), null)
  t.not(schemaObjection('command-health', { transaction: 1, anything: 1 }), null)
  t.equal(schemaObjection('reply', { status: 'ok', transaction: 7, data: { a: 1 } }), null)
  t.not(schemaObjection('reply', { status: 'maybe' }), null)
})

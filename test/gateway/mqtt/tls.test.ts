import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay, setImmediate } from 'node:timers/promises'
import t from 'tap'
import { Seconds, UnixMillis } from '../../../ecg/units.js'
import { assessedWindow } from '../alerts/alert-rig.js'
import { cable, freePort, mosquitto } from './brokers.js'
import { alertOf, messagingFor, QUICK, recordedLog } from './messaging-rig.js'
import { subscribe } from './subscriber.js'
import { tempFolder } from './temp-folder.js'

const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' })

const skip = (() => {
  if (mosquitto.skip) return mosquitto.skip
  try {
    openssl('version')
    return false
  } catch {
    return 'openssl is not installed'
  }
})()

/** An authority and a certificate that it signed, for 127.0.0.1. */
function certificates(folder: string, authority: string, days = 1) {
  const file = (name: string) => join(folder, `${authority}-${name}`)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.crt'),
    '-days',
    '1',
    '-subj',
    `/CN=${authority}`,
  )
  openssl('req', ...key, '-keyout', file('key'), '-out', file('csr'), '-subj', '/CN=gw-1')
  writeFileSync(file('ext'), 'subjectAltName=IP:127.0.0.1\n')
  const signed = ['-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-CAcreateserial', '-extfile', file('ext')]
  openssl('x509', '-req', '-in', file('csr'), '-out', file('crt'), '-days', String(days), ...signed)
  return { caFile: file('ca.crt'), certFile: file('crt'), keyFile: file('key') }
}

t.test('mutual TLS from files, which are read again at every attempt', { skip }, async t => {
  const folder = tempFolder(t)
  const files = certificates(folder, 'ward')
  const secure = await freePort()
  const at = await mosquitto.start(t, {
    config: `allow_anonymous true
listener ${secure} 127.0.0.1
cafile ${files.caFile}
certfile ${files.certFile}
keyfile ${files.keyFile}
require_certificate true`,
  })
  const log = recordedLog()
  const installed = {
    caFile: join(folder, 'ca.pem'),
    certFile: join(folder, 'cert.pem'),
    keyFile: join(folder, 'key.pem'),
  }
  const install = (from: typeof installed) => {
    for (const name of ['caFile', 'certFile', 'keyFile'] as const) execFileSync('cp', [from[name], installed[name]])
  }
  install(certificates(folder, 'stranger'))
  const subscriber = await subscribe(t, at.url)
  const messaging = await messagingFor(t, '', { log, broker: { url: `mqtts://127.0.0.1:${secure}`, ...installed } })
  messaging.publishAlert(alertOf('d', 'AFIB')('start'))
  while (log.lines.length === 0) await setImmediate()
  t.match(log.lines[0], /^warn .*(certificate|issuer|unable to verify)/)
  install(files)
  await subscriber.until('the alert', () => subscriber.alerts.length > 0)
  t.match(subscriber.alerts[0], { seq: 1, historical: true })
})

t.test('a password file that is not there is said, and read when it is', { skip: mosquitto.skip }, async t => {
  const folder = tempFolder(t)
  const at = await mosquitto.start(t)
  const passwordFile = join(folder, 'password')
  const log = recordedLog()
  const broker = { url: at.url.href, username: 'gw-1', passwordFile }
  const messaging = await messagingFor(t, '', { log, broker })
  while (log.lines.length === 0) await setImmediate()
  t.match(log.lines[0], /^warn .*ENOENT/)
  writeFileSync(passwordFile, 'secret\n')
  while (messaging.counters.connects === 0) await setImmediate()
  t.notMatch(log.lines.join('\n'), /secret/)
})

t.test(
  'MQTT 5: content type and format, and no more in flight than the broker allows',
  { skip: mosquitto.skip },
  async t => {
    const at = await mosquitto.start(t, { config: 'allow_anonymous true\nmax_inflight_messages 3' })
    const log = recordedLog()
    const broker = { url: at.url.href, protocolVersion: 5 as const }
    const subscriber = await subscribe(t, at.url, 'ecg', 5)
    const messaging = await messagingFor(t, '', { log, broker })
    const alert = alertOf('d', 'AFIB')
    for (let i = 0; i < 50; i++) messaging.publishAlert(alert(i === 0 ? 'start' : 'update'))
    messaging.publishAlert(alert('end'))
    await subscriber.until('the clearing', () => subscriber.last('/alert/AFIB') === null)
    t.equal(messaging.counters.connects, 1, log.lines.join('\n'))
    const start = subscriber.received.find(({ message }) => message?.seq === 1)
    t.match(start?.properties, {
      contentType: 'application/json',
      payloadFormatIndicator: true,
      userProperties: { schema: 'urn:ecgclip:alert:1' },
    })
  },
)

t.test(
  'MQTT 5: who was away gets every alert, and no assessment that is out of date',
  { skip: mosquitto.skip },
  async t => {
    const at = await mosquitto.start(t)
    const line = await cable(t, at)
    const broker = { url: at.url.href, protocolVersion: 5 as const }
    const timing = { ...QUICK, assessmentExpires: Seconds(1) }
    const messaging = await messagingFor(t, '', { broker, timing, assessmentQos: 1 })
    const subscriber = await subscribe(t, line.url, 'ecg', 5)
    const assessments = () => subscriber.received.filter(({ topic }) => topic.endsWith('/assessment'))
    const assess = () => messaging.publishAssessment('d', assessedWindow({ AFIB: 0.1 }, UnixMillis(Date.now())))
    await subscriber.until('the birth', () => subscriber.last('gw-1/state')?.state === 'online')
    t.ok(await assess())
    await subscriber.until('the assessment', () => assessments().length === 1)
    t.match(assessments()[0]?.properties, {
      messageExpiryInterval: Number,
      userProperties: { schema: 'urn:ecgclip:assessment:1' },
    })

    line.cut()
    await delay(200) // the broker, too, sees that nobody is there
    t.ok(await assess())
    messaging.publishAlert(alertOf('d', 'AFIB')('start'))
    await delay(2500) // the broker counts whole seconds
    line.mend()
    await subscriber.until('the alert', () => subscriber.alerts.length > 0)
    const alert = subscriber.received.find(({ topic }) => topic.endsWith('/alert/AFIB'))
    t.notMatch(alert?.properties, { messageExpiryInterval: Number })
    t.ok(await assess())
    await subscriber.until('a new assessment', () => assessments().length > 1)
    t.equal(assessments().length, 2, 'the one in between is gone')
  },
)

t.test(
  'a broker whose certificate has expired is said so, once, and gets what was kept when it is renewed',
  { skip },
  async t => {
    const folder = tempFolder(t)
    const files = certificates(folder, 'ward', -1)
    const secure = await freePort()
    const config = `allow_anonymous true
listener ${secure} 127.0.0.1
cafile ${files.caFile}
certfile ${files.certFile}
keyfile ${files.keyFile}`
    const expired = await mosquitto.start(t, { config })
    const log = recordedLog()
    const broker = { url: `mqtts://127.0.0.1:${secure}`, caFile: files.caFile }
    const messaging = await messagingFor(t, broker.url, { broker, log })
    messaging.publishAlert(alertOf('d', 'AFIB')('start'))
    while (log.lines.length === 0) await setImmediate()
    t.match(log.lines[0], /expired/)
    t.equal(messaging.counters.connects, 0)
    await expired.stop()

    const renewed = certificates(folder, 'ward')
    t.equal(renewed.caFile, files.caFile)
    const mended = await mosquitto.start(t, { config })
    const subscriber = await subscribe(t, mended.url)
    await subscriber.until('the alert', () => subscriber.alerts.some(({ seq }) => seq === 1))
  },
)

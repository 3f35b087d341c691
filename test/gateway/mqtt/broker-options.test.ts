import t from 'tap'
import { Millis } from '../../../ecg/units.js'
import { createBackOff } from '../../../gateway/mqtt/back-off.js'
import { brokerName, brokerUrl, credentials } from '../../../gateway/mqtt/broker-options.js'

t.test('plaintext is for loopback, unless it is allowed', async t => {
  for (const url of ['mqtt://127.0.0.1', 'mqtt://127.1.2.3:1884', 'mqtt://localhost:1883', 'mqtt://[::1]:1883'])
    t.equal(brokerUrl(url, false).href, url)
  for (const url of ['mqtt://broker.example', 'mqtt://10.0.0.1:1883', 'mqtt://[fe80::1]', 'mqtt://localhost.example']) {
    t.throws(() => brokerUrl(url, false), { code: 'BROKER_PLAINTEXT', exitCode: 2, message: /allowPlaintext/ }, url)
    t.equal(brokerUrl(url, true).href, url)
    t.ok(brokerUrl(url.replace('mqtt:', 'mqtts:'), false))
  }
})

t.test('what is no broker is refused, and its password not repeated', async t => {
  for (const url of ['', 'broker', '127.0.0.1:1883', 'http://127.0.0.1', 'mqtt://'])
    t.throws(() => brokerUrl(url, true), { code: 'BROKER_URL', exitCode: 2 }, url)
  const secrets = [
    'http://user:secret@host',
    'mqtts://user:se/secret@host',
    'mqtts://user:s@secret@host:x',
    'u:secret@h:1',
  ]
  for (const url of secrets) t.throws(() => brokerUrl(url, true), { code: 'BROKER_URL', message: /^(?!.*secret)/ }, url)
})

t.test('name and password come from the URL as they were written there', async t => {
  t.match(credentials(new URL('mqtts://ward%20a:50%25@host'), { url: '' }), { username: 'ward a', password: '50%' })
  t.match(credentials(new URL('mqtts://ward:100%@host'), { url: '' }), { username: 'ward', password: '100%' })
})

t.test('the name in logs has no credentials', async t => {
  t.equal(brokerName(new URL('mqtts://user:secret@host:8883/x')), 'mqtts://host:8883')
})

t.test('waits double up to the cap, cut by up to a half, and begin again after a reset', async t => {
  const longest = createBackOff(Millis(500), Millis(30_000), () => 0)
  const waits = Array.from({ length: 9 }, () => longest.next())
  t.strictSame(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  longest.reset()
  t.equal(longest.next(), 500)
  t.equal(createBackOff(Millis(500), Millis(30_000), () => 1).next(), 250)
})

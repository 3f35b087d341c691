import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { isLoopback, listenerOptions } from '../../../gateway/monitor/listener-options.js'

const folder = mkdtempSync(join(tmpdir(), 'ecgclip-monitor-'))
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const config = { enabled: true, host: '127.0.0.1', port: 0 }

t.test('what loopback is', async t => {
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) t.ok(isLoopback(host), host)
  for (const host of ['0.0.0.0', '::', '192.168.1.4', 'ward-7', '128.0.0.1']) t.notOk(isLoopback(host), host)
})

t.test('off loopback it asks for a token or TLS', async t => {
  t.throws(() => listenerOptions({ ...config, host: '0.0.0.0' }), { code: 'MONITOR_EXPOSED', exitCode: 2 })
  const tokenFile = file('token', 'a-token-of-some-length\n')
  t.match(listenerOptions({ ...config, host: '0.0.0.0', tokenFile }), {
    token: 'a-token-of-some-length',
    loopback: false,
  })
  const pem = file('pem', 'PEM')
  t.match(listenerOptions({ ...config, host: '::', tls: { certFile: pem, keyFile: pem } }), { tls: { cert: 'PEM' } })
})

t.test('a token that can be guessed, or cannot be sent, is refused', async t => {
  for (const text of ['', 'short', 'has a blank in the middle', 'fünfzehn-und-mehr-zeichen'])
    t.throws(() => listenerOptions({ ...config, tokenFile: file('bad', text) }), { code: 'MONITOR_TOKEN' }, text)
  t.throws(() => listenerOptions({ ...config, tokenFile: join(folder, 'absent') }), { code: 'MONITOR_TOKEN' })
})

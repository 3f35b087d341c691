import { execFileSync, spawnSync } from 'node:child_process'
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
const skip = spawnSync('openssl', ['version']).status !== 0 && 'needs openssl'
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
})

t.test('a certificate is taken with its own key, and nothing else', { skip }, async t => {
  const [own, other] = ['own', 'other'].map(name => {
    const tls = { certFile: join(folder, `${name}.pem`), keyFile: join(folder, `${name}.key`) }
    const curve = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '1',
      '-subj',
      '/CN=w',
    ]
    execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', tls.keyFile, '-out', tls.certFile], {
      stdio: 'ignore',
    })
    return tls
  })
  t.match(listenerOptions({ ...config, host: '::', tls: own! }), { tls: { cert: /BEGIN CERTIFICATE/ } })
  const rubbish = file('rubbish', 'PEM')
  for (const wrong of [
    { ...own!, keyFile: other!.keyFile },
    { ...own!, keyFile: rubbish },
    { ...own!, certFile: rubbish },
    { ...own!, certFile: join(folder, 'absent') },
  ])
    t.throws(() => listenerOptions({ ...config, tls: wrong }), { code: 'MONITOR_TLS', exitCode: 2 })
})

t.test('a token that can be guessed, or cannot be sent, is refused', async t => {
  for (const text of ['', 'short', 'has a blank in the middle', 'fünfzehn-und-mehr-zeichen'])
    t.throws(() => listenerOptions({ ...config, tokenFile: file('bad', text) }), { code: 'MONITOR_TOKEN' }, text)
  t.throws(() => listenerOptions({ ...config, tokenFile: join(folder, 'absent') }), { code: 'MONITOR_TOKEN' })
})

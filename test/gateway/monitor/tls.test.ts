import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { hasChromium, openBrowser } from '../../../bench/monitor/open-page.js'
import { Millis, UnixMillis } from '../../../ecg/units.js'
import type { LiveMessage } from '../../../gateway/monitor/live/live-messages.js'
import { createMonitor, type MonitorParts } from '../../../gateway/monitor/monitor.js'
import { tempFolder } from '../mqtt/temp-folder.js'

/** The page off loopback as docs/monitor.md configures it: a token, and a certificate. */

t.setTimeout(120_000)

const TOKEN = 'correct-horse-battery-staple'
const skip = spawnSync('openssl', ['version']).status !== 0 && 'needs openssl'

async function start(t: Test) {
  const folder = tempFolder(t)
  const [certFile, keyFile, tokenFile] = ['cert.pem', 'key.pem', 'token'].map(name => join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(tokenFile, TOKEN)
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
      ...['-subj', '/CN=ward-7', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', keyFile, '-out', certFile],
    ],
    { stdio: 'ignore' },
  )
  const monitor = monitorFor({ enabled: true, host: '0.0.0.0', port: 0, tokenFile, tls: { certFile, keyFile } })
  await monitor.start([])
  t.teardown(monitor.stop)
  t.equal(monitor.url!.protocol, 'https:')
  return { url: new URL(`https://127.0.0.1:${monitor.url!.port}/`), ca: readFileSync(certFile), monitor }
}

const monitorFor = (config: MonitorParts['config']) =>
  createMonitor({
    config,
    gateway: 'ward-7',
    version: '1',
    clock: { utc: () => UnixMillis(Date.now()), monotonic: () => Millis(performance.now()) },
    log: { info() {}, warn() {}, error() {} },
    acknowledge() {},
    health: () => ({
      model: null,
      fallback: null,
      windowsPerSecond: 0,
      inferenceDepth: 0,
      broker: { connected: true, host: 'broker' },
      outbox: { messages: 0, bytes: 0 },
      clockSynchronised: true,
      waitingFor: [],
    }),
  })

t.test('a page that is switched off needs neither token nor certificate, wherever it would be', async t => {
  const tls = { certFile: '/nowhere', keyFile: '/nowhere' }
  for (const config of [{}, { tls }, { tokenFile: '/nowhere' }]) {
    const monitor = monitorFor({ enabled: false, host: '0.0.0.0', port: 0, ...config })
    await monitor.start([])
    t.equal(monitor.url, null)
    await monitor.stop()
  }
})

t.test(
  'over TLS: the page and its live data with the token, nothing without it, nothing in the clear',
  { skip },
  async t => {
    const { url, ca } = await start(t)
    const ask = async (path: string, options: object, body = '') => {
      const [answer] = await once(request(new URL(path, url), { ca, ...options }).end(body), 'response')
      answer.resume()
      return answer
    }
    t.equal((await ask('/', {})).statusCode, 401)
    const login = await ask('/login', { method: 'POST' }, `token=${TOKEN}`)
    const [cookie] = login.headers['set-cookie']
    t.match(cookie, /; HttpOnly; SameSite=Strict; Secure$/, 'the cookie never travels in the clear')
    const headers = { cookie: cookie.split(';')[0] }
    t.equal((await ask('/', { headers })).statusCode, 200)

    const live = new URL('/live', url.href.replace('https', 'wss'))
    const page = new WebSocket(live, { ca, headers })
    const [first] = await once(page, 'message')
    t.match(JSON.parse(String(first)) as LiveMessage, { kind: 'welcome', gateway: 'ward-7' })
    page.terminate()
    const [refused] = await once(new WebSocket(live, { ca }), 'error')
    t.match(refused, /401/)
    await t.rejects(fetch(url.href.replace('https', 'http')), 'plain HTTP gets no answer')
    await t.rejects(ask('/', { ca: undefined }), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'nobody else’s certificate')
  },
)

t.test('who connects and never begins TLS does not hold up the end', { skip }, async t => {
  const { url, monitor } = await start(t)
  const silent = connect(Number(url.port), url.hostname)
  t.teardown(() => silent.destroy())
  const [cutOff] = [once(silent, 'close'), await once(silent, 'connect')]
  await monitor.stop()
  await cutOff
})

t.test('who connects and never begins TLS is cut off', { skip, timeout: 20_000 }, async t => {
  const { url } = await start(t)
  const silent = connect(Number(url.port), url.hostname)
  silent.resume()
  await once(silent, 'close')
})

t.test(
  'Chromium logs in over TLS and shows live data',
  { skip: skip || (!hasChromium && 'needs Chromium') },
  async t => {
    const { url, monitor } = await start(t)
    const browser = await openBrowser()
    t.teardown(() => browser.close())
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage()
    await page.goto(url.href)
    await page.fill('#token', TOKEN)
    await page.click('button[type=submit]')
    await page.waitForSelector('html[data-ready]')
    t.equal(await page.locator('#gateway').textContent(), 'ward-7')
    t.equal(monitor.counters.viewers, 1)
  },
)

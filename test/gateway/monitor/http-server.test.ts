import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { Millis } from '../../../ecg/units.js'
import { createAccess } from '../../../gateway/monitor/access.js'
import { startHttpServer } from '../../../gateway/monitor/http-server.js'
import { loginRoutes } from '../../../gateway/monitor/login-routes.js'
import { MOST_BODY, type Route, text } from '../../../gateway/monitor/route.js'

const TOKEN = 'correct-horse-battery-staple'
const silent = { info() {}, warn() {}, error() {} }

async function start(t: Test, { token = null as string | null, loopback = true, routes = [] as Route[] } = {}) {
  const access = createAccess({ token, secure: false, monotonic: () => Millis(0) })
  const secret: Route = { method: 'GET', path: '/secret', access: 'token', answer: () => text(200, 'patients') }
  const open: Route = { method: 'GET', path: '/healthz', access: 'public', answer: () => text(200, 'ok') }
  const server = await startHttpServer({
    listener: { host: '127.0.0.1', port: 0, loopback, token, tls: null },
    access,
    routes: [secret, open, ...loginRoutes(access), ...routes],
    log: silent,
  })
  t.teardown(server.stop)
  return {
    url: server.url,
    ask: (path: string, options?: RequestInit) => fetch(new URL(path, server.url), { redirect: 'manual', ...options }),
    /** Byte by byte as written: no client tidies the path or the headers. */
    say: (request: string) => exchange(Number(server.url.port), request),
  }
}

function exchange(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    let answer = ''
    socket.on('data', bytes => {
      answer += bytes
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}

const raw = (line: string, ...headers: string[]) =>
  [
    `${line} HTTP/1.1`,
    ...(headers.some(h => /^host:/i.test(h)) ? [] : ['Host: localhost']),
    'Connection: close',
    ...headers,
    '',
    '',
  ].join('\r\n')

t.test('without the token every path that is not public answers 401, whether it exists or not', async t => {
  const { ask } = await start(t, { token: TOKEN })
  for (const path of ['/secret', '/absent', '/live', '/api/evidence/1']) t.equal((await ask(path)).status, 401, path)
  t.equal((await ask('/healthz')).status, 200)
  const authorization = `Bearer ${TOKEN}`
  t.equal((await ask('/secret', { headers: { authorization } })).status, 200)
  t.equal((await ask('/absent', { headers: { authorization } })).status, 404)
})

t.test('the form gives a session for the token, and nothing for another', async t => {
  const { ask } = await start(t, { token: TOKEN })
  const login = (token: string) => ask('/login', { method: 'POST', body: new URLSearchParams({ token }) })
  const refused = await login('wrong')
  t.equal(refused.headers.get('location'), '/login#wrong')
  t.equal(refused.headers.get('set-cookie'), null)
  const accepted = await login(TOKEN)
  t.equal(accepted.headers.get('location'), '/')
  const cookie = accepted.headers.get('set-cookie')!.split(';')[0]!
  t.equal((await ask('/secret', { headers: { cookie } })).status, 200)
})

t.test('no path leads out of the table', async t => {
  const { say } = await start(t, {
    routes: [
      { method: 'GET', path: '/page/', access: 'public', answer: ({ rest }) => text(rest === 'a' ? 200 : 404, rest) },
    ],
  })
  t.match(await say(raw('GET /page/a')), /^HTTP\/1.1 200/)
  for (const path of [
    '/../../etc/passwd',
    '/page/../secret',
    '/page/..%2f..%2fetc%2fpasswd',
    '/page/%2e%2e/%2e%2e/etc/passwd',
    '/page/%00',
    '/page/%ff',
    '//etc/passwd',
    '/page/a/b',
    '/page\\..\\..',
  ])
    t.match(await say(raw(`GET ${path}`)), /^HTTP\/1.1 40[04]/, path)
})

t.test('a body that is too long is refused, announced or not', async t => {
  const { ask, say } = await start(t)
  t.equal((await ask('/login', { method: 'POST', body: 'x'.repeat(MOST_BODY + 1) })).status, 413)
  const chunk = 'x'.repeat(MOST_BODY + 1)
  const chunked = `${raw('POST /login', 'Transfer-Encoding: chunked')}${chunk.length.toString(16)}\r\n${chunk}\r\n0\r\n\r\n`
  t.match(await say(chunked), /^HTTP\/1.1 413/)
})

t.test('headers that are too long are refused', async t => {
  const { say } = await start(t)
  t.notMatch(await say(raw('GET /healthz', `X-Long: ${'x'.repeat(20_000)}`)), /^HTTP\/1.1 200/)
})

t.test('on loopback only the host’s own names are answered, so that no other site can rebind to it', async t => {
  const { say } = await start(t)
  t.match(await say(raw('GET /secret', 'Host: attacker.example')), /^HTTP\/1.1 421/)
  for (const host of ['localhost:8312', '127.0.0.1', '[::1]:80'])
    t.match(await say(raw('GET /secret', `Host: ${host}`)), /^HTTP\/1.1 200/, host)
  const exposed = await start(t, { token: TOKEN, loopback: false })
  t.match(await exposed.say(raw('GET /healthz', 'Host: ward-7.example')), /^HTTP\/1.1 200/)
})

t.test('a page of another site can neither post nor open the live data', async t => {
  const { say } = await start(t)
  t.match(await say(raw('POST /login', 'Origin: http://attacker.example', 'Content-Length: 0')), /^HTTP\/1.1 403/)
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Origin: http://attacker.example']
  t.match(await say(raw('GET /live', ...upgrade)), /^HTTP\/1.1 403/)
})

t.test('who is refused the live data and does not hang up keeps no socket', async t => {
  const { url } = await start(t, { token: TOKEN })
  const socket = connect({ port: Number(url.port), host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => socket.destroy())
  socket.write(`${raw('GET /live', 'Connection: Upgrade', 'Upgrade: websocket')}and more, and no end`)
  socket.on('error', () => {}) // a reset says it too
  const hungUp = new Promise(resolve => {
    setInterval(() => socket.write('still here'), 20).unref()
    socket.on('close', resolve)
  })
  t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1.1 401/)
  await hungUp
})

t.test('every answer carries a strict content policy', async t => {
  const { ask } = await start(t)
  for (const path of ['/healthz', '/absent']) {
    const { headers } = await ask(path)
    t.match(headers.get('content-security-policy'), /default-src 'none'.*frame-ancestors 'none'/)
    t.equal(headers.get('x-content-type-options'), 'nosniff')
  }
})

t.test('methods: HEAD is GET without its body, others are refused', async t => {
  const { ask, say } = await start(t)
  const head = await ask('/healthz', { method: 'HEAD' })
  t.equal(head.status, 200)
  t.equal(await head.text(), '')
  t.equal((await ask('/healthz', { method: 'DELETE' })).status, 405)
  t.equal(await say('nonsense\r\n\r\n'), '', 'what is not HTTP is cut off')
})

t.test('an answer that fails is a 500 and the server goes on', async t => {
  const failing: Route = {
    method: 'GET',
    path: '/failing',
    access: 'public',
    answer: () => {
      throw new Error('broken')
    },
  }
  const { ask } = await start(t, { routes: [failing] })
  t.equal((await ask('/failing')).status, 500)
  t.equal((await ask('/healthz')).status, 200)
})

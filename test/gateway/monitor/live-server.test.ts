import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { Hertz, Microseconds, Millis, Millivolts, SampleIndex } from '../../../ecg/units.js'
import { createAccess } from '../../../gateway/monitor/access.js'
import { createAlertBoard } from '../../../gateway/monitor/alert-board.js'
import { type HttpServer, startHttpServer } from '../../../gateway/monitor/http-server.js'
import type { GatewayHealth, LiveMessage } from '../../../gateway/monitor/live/live-messages.js'
import { decodeFrame } from '../../../gateway/monitor/live/waveform-frame.js'
import { createLiveServer, MOST_VIEWERS } from '../../../gateway/monitor/live-server.js'
import type { Viewer } from '../../../gateway/monitor/viewer.js'
import { Ward } from '../../../gateway/monitor/ward.js'

const RATE = 500
const DEVICE = 'patch-1'

async function start(t: Test, token: string | null = null) {
  const ward = new Ward<Viewer>()
  const live = createLiveServer({
    welcome: { kind: 'welcome', gateway: 'g', version: '1' },
    tasks: () => ({ kind: 'tasks', tasks: [] }),
    ward,
    board: createAlertBoard(),
    health: framesDropped => ({ kind: 'health', framesDropped }) as GatewayHealth,
    acknowledge: id => (id.startsWith('0') ? null : 'This alert is not open.'),
  })
  const server = await startHttpServer({
    listener: { host: '127.0.0.1', port: 0, loopback: true, token, tls: null },
    access: createAccess({ token, secure: false, monotonic: () => Millis(0) }),
    routes: [],
    log: { info() {}, warn() {}, error() {} },
    upgrade: live.upgrade,
  })
  live.start()
  t.teardown(async () => {
    live.stop()
    await server.stop()
  })
  ward.identified({
    id: DEVICE,
    model: 'm',
    firmware: '1',
    boot: 1,
    rate: Hertz(RATE),
    lsb: Millivolts(0.001),
    channels: ['I', 'II', 'V1', 'V2', 'V3', 'V4', 'V5', 'V6'],
    retain: 0,
    capabilities: [],
  })
  let next = 0
  const stream = (samples: number) => {
    const values = Int32Array.from({ length: samples * 8 }, (_, i) => next + Math.floor(i / 8))
    ward.samples(DEVICE, {
      first: SampleIndex(next),
      count: samples,
      channels: 8,
      values,
      electrodesOff: 0,
      saturated: false,
      retransmission: false,
      arrived: Microseconds(0),
    })
    next += samples
  }
  return { live, server, stream }
}

const address = ({ url }: HttpServer) => new URL('/live', url.href.replace('http', 'ws'))

interface Page {
  readonly socket: WebSocket
  readonly messages: LiveMessage[]
  readonly frames: { readonly first: number; readonly count: number; readonly leads: readonly number[] }[]
}

async function look(server: HttpServer): Promise<Page> {
  const socket = new WebSocket(address(server))
  const page: Page = { socket, messages: [], frames: [] }
  socket.on('message', (data: Buffer, binary) => {
    if (!binary) page.messages.push(JSON.parse(String(data)))
    else page.frames.push(decodeFrame(new Uint8Array(data).buffer)!)
  })
  await once(socket, 'open')
  return page
}

const code = async (socket: WebSocket): Promise<number> => (await once(socket, 'close'))[0]

t.test('a page gets the last seconds at once, then every sample once', async t => {
  const { server, stream } = await start(t)
  stream(2000)
  await wait(250)
  const { socket, frames } = await look(server)
  for (let i = 0; i < 10; i++) {
    stream(100)
    await wait(60)
  }
  await wait(250)
  socket.close()
  let next = 0
  for (const { first, count, leads } of frames) {
    t.equal(first, next)
    t.same(leads, [1], 'the wall has one lead')
    next = first + count
  }
  t.equal(next, 3000)
})

t.test('who looks at one patient gets all twelve leads', async t => {
  const { server, stream } = await start(t)
  stream(500)
  await wait(250)
  const { socket, frames } = await look(server)
  socket.send(JSON.stringify({ kind: 'watch', device: DEVICE }))
  await wait(250)
  socket.close()
  t.equal(frames.at(-1)!.leads.length, 12)
})

t.test('an acknowledgement that cannot be is answered with the reason', async t => {
  const { server } = await start(t)
  const { socket, messages } = await look(server)
  for (const first of ['0', '1'])
    socket.send(JSON.stringify({ kind: 'acknowledge', alert: first.padEnd(26, 'A'), by: 'nurse' }))
  await wait(250)
  socket.close()
  t.same(
    messages.filter(({ kind }) => kind === 'refused'),
    [{ kind: 'refused', reason: 'This alert is not open.' }],
  )
})

t.test(
  'a page that is too slow loses waveforms, is told how many, and gets the last seconds when it is back',
  async t => {
    const { live, server, stream } = await start(t)
    const page = await look(server)
    page.socket.send(JSON.stringify({ kind: 'watch', device: DEVICE }))
    await wait(150)
    page.socket.pause()
    // More than the kernel's buffers and the bound together: 24 kB a second, in a hurry.
    for (let i = 0; i < 120 && live.counters.framesDropped < 5; i++) {
      stream(2500)
      await wait(110)
    }
    const { framesDropped } = live.counters
    t.ok(framesDropped >= 5, `${framesDropped} dropped`)
    const sofar = page.frames.length
    page.socket.resume()
    for (let i = 0; i < 10; i++) {
      stream(50)
      await wait(110)
    }
    await wait(2200)
    const after = page.frames.slice(sofar)
    t.ok(
      after.some(({ count }) => count === 12 * RATE),
      'twelve seconds, whole',
    )
    const health = page.messages.filter(({ kind }) => kind === 'health').at(-1) as GatewayHealth
    t.ok(health.framesDropped >= 5)
    page.socket.terminate()
  },
)

t.test('what is not a request ends the connection, and nothing else', async t => {
  const { live, server } = await start(t)
  const watcher = await look(server)
  for (const [sent, expected] of [
    ['nonsense', 1007],
    ['{"kind":"watch"}', 1007],
    ['{"kind":"watch","device":null,"more":1}', 1007],
    ['{"kind":"acknowledge","alert":"short","by":"x"}', 1007],
    [JSON.stringify({ kind: 'watch', device: 'x'.repeat(2000) }), 1009],
    [Buffer.from([1, 2, 3]), 1003],
  ] as const) {
    const { socket } = await look(server)
    socket.send(sent)
    t.equal(await code(socket), expected, String(sent).slice(0, 40))
  }
  const { socket } = await look(server)
  for (let i = 0; i < 50; i++) socket.send('{"kind":"watch","device":null}')
  t.equal(await code(socket), 1008, 'too many requests')
  await wait(100)
  t.equal(live.counters.viewers, 1)
  watcher.socket.close()
})

t.test('a frame that breaks the protocol ends the connection', async t => {
  const { live, server } = await start(t)
  const page = await look(server)
  const raw = (page.socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket
  // RFC 6455 5.1: a client must mask its frames, and opcode 3 is reserved.
  raw.write(Buffer.from([0x83, 0x01, 0x41]))
  await code(page.socket)
  await wait(50)
  t.equal(live.counters.viewers, 0)
})

t.test('without the token there is no live data', async t => {
  const { server } = await start(t, 'correct-horse-battery-staple')
  const [error] = await once(new WebSocket(address(server)), 'error')
  t.match(error, /401/)
})

t.test('one page more than there may be is told to come later', async t => {
  const { live, server } = await start(t)
  const pages = await Promise.all(Array.from({ length: MOST_VIEWERS }, () => look(server)))
  const { socket } = await look(server)
  t.equal(await code(socket), 1013)
  t.equal(live.counters.refused, 1)
  for (const { socket } of pages) socket.terminate()
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { keepAlive } from '../../../gateway/service/keep-alive.js'
import { connectServiceManager } from '../../../gateway/service/notify-socket.js'
import { listenAt } from './listening-manager.js'

t.setTimeout(120_000)

const MAIN = fileURLToPath(new URL('../../../gateway/cli/main.js', import.meta.url))
const SILENT = { info() {}, warn() {}, error() {} }

function folder(t: Test): string {
  // Short: a socket's path has at most 107 bytes.
  const path = mkdtempSync(join(tmpdir(), 'ecgclip-'))
  t.teardown(() => rmSync(path, { recursive: true }))
  return path
}

t.test('the service manager hears from a gateway: ready, alive, reload, stop', async t => {
  const dir = folder(t)
  const file = join(dir, 'gateway.yaml')
  const write = (more: string) =>
    writeFileSync(file, `data: ${dir}/state\nbroker: { embeddedPort: 0 }\nmonitor: { port: 0 }\n${more}`)
  write('id: one\n')
  const manager = await listenAt(join(dir, 'notify'))
  t.teardown(() => manager.stop())
  const gateway = spawn(process.execPath, [MAIN, 'run', '-c', file], {
    env: { ...process.env, NOTIFY_SOCKET: join(dir, 'notify'), WATCHDOG_USEC: '400000' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.teardown(() => gateway.kill('SIGKILL'))
  let log = ''
  gateway.stderr.on('data', text => {
    log += text
  })
  await manager.hears(/^READY=1$/)
  await manager.hears(/^WATCHDOG=1$/, 3)

  write('id: two\nlog: { level: warn }\n')
  gateway.kill('SIGHUP')
  await manager.hears(/^RELOADING=1\nMONOTONIC_USEC=\d+$/)
  await manager.hears(/^READY=1$/, 2)
  t.match(log, /restart needed for: id/, 'what cannot change while it runs is said')

  write('log: { level: loud }\n')
  gateway.kill('SIGHUP')
  await manager.hears(/^READY=1$/, 3)
  t.match(log, /not reloaded, the gateway goes on as it was: .*log\.level/)
  write('log: { level: debug }\nalerts: { tasks: { AFIB: { threshold: 0.5, clearBelow: 0.6 } } }\n')
  gateway.kill('SIGHUP')
  await manager.hears(/^READY=1$/, 4)
  t.match(log, /not reloaded, the gateway goes on as it was: Task AFIB/)

  gateway.kill('SIGTERM')
  await manager.hears(/^STOPPING=1$/)
  t.same(await once(gateway, 'exit'), [0, null])
  t.notMatch(log, /"stopping"/, 'the log level was applied by the first reload, and by no other')
})

t.test('a socket in the abstract namespace is found', async t => {
  const name = `@ecgclip-test-${process.pid}`
  const manager = await listenAt(name)
  t.teardown(() => manager.stop())
  const service = await connectServiceManager({ NOTIFY_SOCKET: name })
  service.status('two\nlines')
  await manager.hears(/^STATUS=two lines$/)
  t.equal(service.watchdogEvery, null)
})

t.test('nobody listens, or nobody is there any more: nothing happens', async t => {
  const nobody = await connectServiceManager({})
  nobody.ready()
  const gone = await connectServiceManager({ NOTIFY_SOCKET: '/nonexistent/socket', WATCHDOG_USEC: '2000000' })
  gone.alive()
  t.equal(gone.watchdogEvery, 1000)
  const forAnother = await connectServiceManager({ NOTIFY_SOCKET: '@x', WATCHDOG_USEC: '2000000', WATCHDOG_PID: '1' })
  t.equal(forAnother.watchdogEvery, null)
})

t.test('the watchdog is not fed while a device is stuck, and is again when it no longer is', async t => {
  const dir = folder(t)
  const manager = await listenAt(join(dir, 'notify'))
  t.teardown(() => manager.stop())
  const service = await connectServiceManager({ NOTIFY_SOCKET: join(dir, 'notify'), WATCHDOG_USEC: '100000' })
  let stuck: string[] = []
  const watchdog = keepAlive(service, { stuck: () => stuck }, SILENT)
  t.teardown(() => watchdog.stop())
  await manager.hears(/^WATCHDOG=1$/, 2)
  stuck = ['serial:/dev/ttyACM0']
  await manager.hears(/^STATUS=stuck: serial:\/dev\/ttyACM0$/)
  const fed = () => manager.heard.filter(text => text === 'WATCHDOG=1').length
  const before = fed()
  await sleep(300)
  t.equal(fed(), before)
  stuck = []
  await manager.hears(/^WATCHDOG=1$/, before + 1)
})

import { chmodSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type ConfigOverrides, loadConfig } from '../../../gateway/config/load-config.js'
import { bluetoothCheck } from '../../../gateway/doctor/bluetooth-check.js'
import { brokerCheck } from '../../../gateway/doctor/broker-check.js'
import type { Check } from '../../../gateway/doctor/check.js'
import { clockCheck } from '../../../gateway/doctor/clock-check.js'
import { deviceCheck } from '../../../gateway/doctor/device-check.js'
import { diskCheck } from '../../../gateway/doctor/disk-check.js'
import { monitorCheck } from '../../../gateway/doctor/monitor-check.js'
import { freePort, mosquitto } from '../mqtt/brokers.js'

t.setTimeout(60_000)

const look = (check: Check, overrides: ConfigOverrides) => check.run(loadConfig(undefined, overrides))
const devices = (...uris: string[]) => ({ devices: uris.map(uri => ({ uri })) })

t.test('a device that is away is a warning, for the gateway waits; one that can never work has failed', async t => {
  const dir = t.testdir({ file: 'no port' })
  t.match(await look(deviceCheck, devices()), [{ outcome: 'warning', remedy: /ecgclip devices/ }])
  const found = await look(
    deviceCheck,
    devices(
      'serial:/dev/ttyNone',
      `serial:${dir}/file`,
      `tcp:127.0.0.1:${await freePort()}`,
      'replay:/nowhere',
      'serial:/dev/null',
    ),
  )
  t.match(found, [
    { outcome: 'warning', detail: 'it is not there' },
    { outcome: 'failed', detail: /not a serial port/ },
    { outcome: 'warning', detail: /ECONNREFUSED/ },
    { outcome: 'failed' },
    { outcome: 'ok' },
  ])
})

t.test('a device that answers is said to', async t => {
  t.match(await look(deviceCheck, devices(`tcp:127.0.0.1:${await listening(t)}`)), [{ outcome: 'ok' }])
})

t.test('Bluetooth is looked at only where a device is on the air', async t => {
  t.same(await look(bluetoothCheck, devices('serial:/dev/null')), [])
  t.not((await look(bluetoothCheck, devices('ble:C0:FF:EE:00:11:22'))).length, 0)
})

t.test('a broker that lets nobody in is told from one that is not there', { skip: mosquitto.skip }, async t => {
  const dir = t.testdir({ password: 'wrong\n' })
  const open = await mosquitto.start(t)
  t.match(await look(brokerCheck, { broker: { url: open.url.href } }), [{ outcome: 'ok' }])
  const strict = await mosquitto.start(t, { config: 'allow_anonymous false' })
  const broker = { url: strict.url.href, username: 'x', passwordFile: join(dir, 'password') }
  t.match(await look(brokerCheck, { broker }), [{ outcome: 'failed', remedy: /broker\.username/ }])
  t.match(await look(brokerCheck, { broker: { url: `mqtt://127.0.0.1:${await freePort()}` } }), [
    { outcome: 'failed', detail: /ECONNREFUSED/, remedy: /start the broker/ },
  ])
  const lost = { ...broker, passwordFile: join(dir, 'absent') }
  t.match(await look(brokerCheck, { broker: lost }), [{ outcome: 'failed', remedy: /path of the file/ }])
  t.notMatch(JSON.stringify(await look(brokerCheck, { broker })), 'wrong', 'the password is not shown')
})

t.test('ports that are taken are warned of', async t => {
  const port = await listening(t)
  t.match(await look(brokerCheck, { broker: { embeddedPort: port } }), [{ outcome: 'warning' }])
  t.match(await look(monitorCheck, { monitor: { port } }), [{ outcome: 'warning' }])
  t.match(await look(monitorCheck, { monitor: { port: 0 } }), [{ outcome: 'ok' }])
  const elsewhere = { host: '192.0.2.1', port: 0, tokenFile: join(t.testdir({ token: 'x'.repeat(16) }), 'token') }
  t.match(
    await look(monitorCheck, { monitor: elsewhere }),
    [{ outcome: 'warning', detail: /EADDRNOTAVAIL/, remedy: /monitor\.host/ }],
    'an address of another machine is no port that is taken',
  )
  t.match(await look(monitorCheck, { monitor: { enabled: false } }), [{ outcome: 'note' }])
})

t.test('a state folder that cannot be written has failed, one that is too small is warned of', async t => {
  const dir = t.testdir({ file: '' })
  t.match(await look(diskCheck, { data: join(dir, 'state') }), [{ outcome: 'ok', detail: /MiB are free/ }])
  t.match(await look(diskCheck, { data: join(dir, 'file/state') }), [
    { outcome: 'failed', remedy: /user of the gateway/ },
  ])
  const large = { data: join(dir, 'state'), broker: { outboxMebibytes: 65_536 } }
  const [found] = await look(diskCheck, large)
  t.ok(found!.outcome === 'warning' || /\d{6} MiB/.test(found!.detail))
})

t.test(
  'a state folder on a disk that is full or read-only has failed',
  { skip: process.getuid?.() === 0 && 'root may write anywhere' },
  async t => {
    const dir = t.testdir({})
    chmodSync(dir, 0o500)
    t.teardown(() => chmodSync(dir, 0o700))
    t.match(await look(diskCheck, { data: join(dir, 'state') }), [{ outcome: 'failed' }])
  },
)

t.test('the clock is judged', async t => {
  t.match(await look(clockCheck, {}), [{ subject: 'host', outcome: /^(ok|note|warning)$/ }])
})

async function listening(t: Test): Promise<number> {
  const server = createServer(socket => socket.destroy())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

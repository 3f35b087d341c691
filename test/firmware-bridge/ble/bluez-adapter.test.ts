import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { openDevice } from '../../../firmware-bridge/devices/open-device.js'
import { listen, until } from '../listen.js'

// Each attempt waits 4 s for the adapter, and then listens for the device.
t.setTimeout(90_000)
const skip = await whyNot()

t.test('an adapter that is switched off is told, and used as soon as it is on', { skip }, async t => {
  const { bluez } = await privateBus(t)
  const device = openDevice('ble:C0:FF:EE:00:00:01?adapter=dbus')
  const listened = listen()
  device.start(listened.listener)
  await t.rejects(device.firstOpen, {
    code: 'ble-adapter-off',
    message: /switched off: switch it on \(rfkill unblock bluetooth; bluetoothctl power on\)/,
  })
  t.equal(listened.state(), 'lost')
  bluez.send(true)
  await until(() => /was not heard/.test(listened.states.at(-1)!.reason))
  await device.stop()
})

async function whyNot(): Promise<string | false> {
  if (spawnSync('dbus-daemon', ['--version']).error) return 'dbus-daemon is not installed'
  const installed = await import('dbus-next' as string).catch(() => undefined)
  return installed ? false : 'dbus-next is not installed (docs/ble.md, Through BlueZ)'
}

/** A system bus of this test's own, with an adapter on it. */
async function privateBus(t: Test): Promise<{ bluez: ChildProcess }> {
  const folder = mkdtempSync(join(tmpdir(), 'ecgclip-bus-')) // a test's own folder has a longer name than a socket may have
  t.teardown(() => rmSync(folder, { recursive: true }))
  const socket = join(folder, 'bus')
  const address = `unix:path=${socket}`
  const daemon = spawn('dbus-daemon', ['--session', '--nofork', '--nopidfile', `--address=${address}`])
  t.teardown(() => daemon.kill())
  await until(() => existsSync(socket))
  process.env.DBUS_SYSTEM_BUS_ADDRESS = address // the Bluetooth program inherits it
  const bluez = fork(fileURLToPath(new URL('./fixtures/fake-bluez.js', import.meta.url)))
  t.teardown(() => bluez.kill())
  await once(bluez, 'message')
  return { bluez }
}

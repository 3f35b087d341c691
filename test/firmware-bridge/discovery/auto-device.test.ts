import t, { type Test } from 'tap'
import { openDevice } from '../../../firmware-bridge/devices/open-device.js'
import { createAutoDevice } from '../../../firmware-bridge/discovery/auto-device.js'
import type { FoundDevice } from '../../../firmware-bridge/discovery/find-devices.js'
import { startDeviceOnTcp } from '../../../firmware-bridge/emulator/virtual-device.js'
import { countingSource } from '../counting-source.js'
import { listen, until } from '../listen.js'

async function plug(t: Test, id: string, driver: string | undefined = 'ecg-link'): Promise<FoundDevice> {
  const device = await startDeviceOnTcp({ source: countingSource(), id }, '127.0.0.1', 0)
  t.teardown(() => device.stop())
  const { uri } = device.carrier
  return { carrier: 'serial', place: uri, name: id, serialNumber: undefined, usbId: undefined, driver, uri }
}

/** A device that is looked for among those in `plugged`. */
function start(t: Test, plugged: FoundDevice[]) {
  const device = createAutoDevice(async () => [...plugged], openDevice)
  t.teardown(() => device.stop())
  const listened = listen()
  device.start(listened.listener)
  return { device, listened }
}

t.test('the one device that is plugged in, beside a UART of which nothing is known', async t => {
  const uart: FoundDevice = { ...(await plug(t, 'console')), driver: undefined }
  const { device, listened } = start(t, [uart, await plug(t, 'patch-1')])
  await device.firstOpen
  await until(() => listened.delivered.size > 100)
  t.equal(listened.identities[0]!.id, 'patch-1')
  t.ok(device.counters.packets > 0)
})

t.test('none is waited for, and said at once to who asks', async t => {
  const plugged: FoundDevice[] = []
  const { device, listened } = start(t, plugged)
  await t.rejects(device.firstOpen, { code: 'port-missing', message: /no ECG device is plugged in/ })
  t.match(listened.states, [{ state: 'connecting', reason: /no ECG device/ }])
  t.equal(device.counters.packets, 0)
  plugged.push(await plug(t, 'patch-2'))
  await until(() => listened.state() === 'streaming')
  t.equal(listened.identities[0]!.id, 'patch-2')
})

t.test('two are refused, because one patient is not another; the one that stays is taken, and stays', async t => {
  const plugged = [await plug(t, 'patch-3'), await plug(t, 'patch-4')]
  const { device, listened } = start(t, plugged)
  await t.rejects(device.firstOpen, { code: 'port-ambiguous', message: /tcp:.* and tcp:.* are plugged in/ })
  plugged.pop()
  await until(() => listened.state() === 'streaming')
  plugged.splice(0, 1, await plug(t, 'patch-5'))
  await until(() => listened.delivered.size > 600)
  t.same(
    listened.identities.map(({ id }) => id),
    ['patch-3'],
  )
})

t.test('stopped before anything was plugged in, it looks no more', async t => {
  let looks = 0
  const device = createAutoDevice(async () => {
    looks++
    return []
  }, openDevice)
  device.start(listen().listener)
  await device.stop()
  await t.rejects(Promise.race([device.firstOpen, Promise.reject(new Error('never settled'))]))
  t.equal(looks, 1)
})

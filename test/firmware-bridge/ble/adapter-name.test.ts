import t from 'tap'
import { describeAdapter, parseAdapterName } from '../../../firmware-bridge/ble/adapter-name.js'
import { defaultAdapter } from '../../../firmware-bridge/ble/default-adapter.js'
import { openDevice } from '../../../firmware-bridge/devices/open-device.js'
import { listen } from '../listen.js'

t.test('every form that the documentation shows', async t => {
  const forms: [string, object, RegExp][] = [
    ['', { by: 'kernel' }, /adapter$/],
    ['hci1', { by: 'kernel', device: 1 }, /hci1$/],
    ['dbus', { by: 'bluez' }, /adapter$/],
    ['dbus:hci0', { by: 'bluez', device: 'hci0' }, /hci0$/],
    ['uart:/dev/ttyACM0', { by: 'uart', path: '/dev/ttyACM0', baud: 1_000_000 }, /on \/dev\/ttyACM0$/],
    ['uart:/dev/ttyACM0@115200', { by: 'uart', path: '/dev/ttyACM0', baud: 115_200 }, /on \/dev\/ttyACM0$/],
  ]
  for (const [text, name, described] of forms) {
    t.same(parseAdapterName(text), name, text)
    t.match(describeAdapter(parseAdapterName(text)!), described)
  }
})

t.test('a device takes the adapter of its URI, or that of the environment, or is refused at once', async t => {
  for (const adapter of ['', 'hci', 'usb', 'uart:', 'dbus:']) {
    t.throws(() => openDevice(`ble:C0:FF:EE:00:00:01?adapter=${adapter}`), {
      code: 'device-uri',
      message: /adapter must be hci0/,
    })
  }
  const { env } = process
  t.teardown(() => {
    process.env = env
  })
  process.env = { ...env, ECGCLIP_BLE_ADAPTER: 'uart:/dev/ttyNothingThere' }
  t.same(defaultAdapter(), { by: 'uart', path: '/dev/ttyNothingThere', baud: 1_000_000 })
  const device = openDevice('ble:C0:FF:EE:00:00:01')
  const states: string[] = []
  device.start({
    identified: () => {},
    samples: () => {},
    state: (_, reason) => states.push(reason),
    status: () => {},
    event: () => {},
  })
  await t.rejects(device.firstOpen, { code: 'ble-adapter-missing', message: /plug it in/ })
  await device.stop()
  t.match(states, [/ttyNothingThere is not there/])
  process.env = { ...env, ECGCLIP_BLE_ADAPTER: 'nonsense' }
  t.throws(() => defaultAdapter(), { code: 'device-uri', message: /ECGCLIP_BLE_ADAPTER="nonsense"/ })
})

t.test('BlueZ that is not there is told, and what to start', async t => {
  const { env } = process
  t.teardown(() => {
    process.env = env
  })
  process.env = { ...env, DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/run/nothing-there' }
  const device = openDevice('ble:C0:FF:EE:00:00:01?adapter=dbus')
  device.start(listen().listener)
  await t.rejects(device.firstOpen, { code: 'ble-adapter-missing', message: /is not there: start BlueZ/ })
  await device.stop()
})

t.test('without a connection nothing of Bluetooth is loaded here', async t => {
  const { sharedObjects } = process.report.getReport() as unknown as { sharedObjects: string[] }
  t.same(
    sharedObjects.filter(path => path.includes('bluetooth')),
    [],
  )
})

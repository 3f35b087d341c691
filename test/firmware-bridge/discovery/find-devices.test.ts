import { join } from 'node:path'
import t from 'tap'
import { openDevice } from '../../../firmware-bridge/devices/open-device.js'
import { findSerialDevices } from '../../../firmware-bridge/discovery/find-devices.js'
import { fakeSysfs } from './fake-sysfs.js'

t.test('ports with hardware behind them, each with what it is and how to name it', async t => {
  const root = t.testdir({})
  const sys = fakeSysfs(root)
  sys.plug('ttyUSB0', '1-1.2', {
    vendorId: '0403',
    productId: '6015',
    serial: 'DM0258EJ',
    product: 'FT231X',
    bridge: true,
  })
  sys.plug('ttyACM10', '1-3', { vendorId: '1158', productId: '0001', serial: 'E66118C4', product: 'HealthyPi 5' })
  sys.plug('ttyACM2', '1-4', { vendorId: '2e8a', productId: '000a', product: 'HealthyPi' })
  sys.plug('ttyACM9', '1-5', { vendorId: '0483', productId: '5740', serial: '2071 3' })
  sys.uart('ttyAMA0', '32')
  sys.uart('ttyS3', '0')
  sys.terminal('tty1')
  const found = await findSerialDevices(root)
  t.same(
    found.map(({ place, name, driver, uri, usbId }) => [place, name, driver, uri, usbId]),
    [
      ['/dev/ttyACM2', 'HealthyPi', 'healthypi', 'serial:/dev/ttyACM2?driver=healthypi', '2e8a:000a'],
      ['/dev/ttyACM9', 'STM32 virtual COM port', 'ecg-link', 'serial:/dev/ttyACM9', '0483:5740'],
      ['/dev/ttyACM10', 'HealthyPi 5', 'healthypi', 'serial:usb-E66118C4?driver=healthypi', '1158:0001'],
      ['/dev/ttyAMA0', 'built-in UART', undefined, 'serial:/dev/ttyAMA0', undefined],
      ['/dev/ttyUSB0', 'FT231X', 'cyton', 'serial:usb-DM0258EJ?driver=cyton', '0403:6015'],
    ],
  )
  for (const { uri } of found) t.equal(openDevice(uri).uri, uri, 'which opens')
})

t.test(
  'several ports of one device have names of their own, and a serial number that two devices share names neither',
  async t => {
    const root = t.testdir({})
    const sys = fakeSysfs(root)
    sys.plug('ttyACM0', '1-1', { vendorId: '1366', productId: '1051', serial: 'J1' })
    sys.plug('ttyACM1', '1-1', { vendorId: '1366', productId: '1051', serial: 'J1', interfaceNumber: '0a' })
    sys.plug('ttyUSB0', '1-2', { vendorId: '10c4', productId: 'ea60', serial: '0001', bridge: true })
    sys.plug('ttyUSB1', '1-3', { vendorId: '10c4', productId: 'ea60', serial: '0001', bridge: true })
    t.same(
      (await findSerialDevices(root)).map(({ uri }) => uri),
      ['serial:usb-J1-if00', 'serial:usb-J1-if0a', 'serial:/dev/ttyUSB0', 'serial:/dev/ttyUSB1'],
    )
  },
)

t.test('a system without any port has none', async t => {
  t.same(await findSerialDevices(join(t.testdir({}), 'nothing')), [])
})

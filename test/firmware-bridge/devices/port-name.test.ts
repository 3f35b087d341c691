import t from 'tap'
import { portName } from '../../../firmware-bridge/devices/port-name.js'
import { listSerialPorts } from '../../../firmware-bridge/discovery/serial-ports.js'
import { fakeSysfs } from '../discovery/fake-sysfs.js'

t.test('a device is called by its serial number at whatever port, and a port without one by its own name', async t => {
  const root = t.testdir({})
  const sys = fakeSysfs(root)
  const name = (path: string) => portName(path, () => listSerialPorts(root))
  sys.plug('ttyUSB0', '1-1', { vendorId: '0403', productId: '6015', serial: 'DM0258EJ' })
  sys.plug('ttyUSB1', '1-2', { vendorId: '1a86', productId: '7523' })
  sys.plug('ttyACM0', '1-3', { vendorId: '1366', productId: '1051', serial: 'J1' })
  sys.plug('ttyACM1', '1-3', { vendorId: '1366', productId: '1051', serial: 'J1', interfaceNumber: '0a' })
  t.equal(await name('/dev/ttyUSB0'), 'DM0258EJ')
  t.equal(await name('usb-DM0258EJ'), 'DM0258EJ')
  t.equal(await name('/dev/ttyUSB1'), 'ttyUSB1')
  t.equal(await name('/dev/ttyACM1'), 'J1')
})

t.test('two devices with one serial number have two names, also when one of them is gone', async t => {
  const root = t.testdir({})
  const sys = fakeSysfs(root)
  const name = (path: string) => portName(path, () => listSerialPorts(root))
  const bridge = { vendorId: '10c4', productId: 'ea60', serial: '0001', bridge: true }
  sys.plug('ttyUSB0', '1-1', bridge)
  t.equal(await name('/dev/ttyUSB0'), '0001')
  sys.plug('ttyUSB1', '1-2', bridge)
  t.equal(await name('/dev/ttyUSB1'), 'ttyUSB1')
  sys.unplug('ttyUSB0', '1-1')
  t.equal(await name('/dev/ttyUSB1'), 'ttyUSB1', 'not that of the one that is gone')
})

import t from 'tap'
import { createEcgLinkDevice } from '../../../firmware-bridge/devices/ecg-link.js'
import { createNamedSerialTransport } from '../../../firmware-bridge/discovery/named-serial.js'
import { portByName } from '../../../firmware-bridge/discovery/port-by-name.js'
import { listSerialPorts } from '../../../firmware-bridge/discovery/serial-ports.js'
import { startDeviceOnPty } from '../../../firmware-bridge/emulator/virtual-device.js'
import { DEFAULT_BAUD } from '../../../firmware-bridge/transport/device-uri.js'
import { createFramedCarrier } from '../../../firmware-bridge/transport/framed-carrier.js'
import { transportFor } from '../../../firmware-bridge/transport/transport-for.js'
import { countingSource } from '../counting-source.js'
import { streaming, until } from '../listen.js'
import { fakeSysfs } from './fake-sysfs.js'

const BRIDGE = { vendorId: '10c4', productId: 'ea60' }

t.test('a device that comes back under another name is found by its serial number', async t => {
  const root = t.testdir({})
  const sys = fakeSysfs(root)
  const options = { id: 'same', boot: 7, source: countingSource() }
  const before = await startDeviceOnPty(options)
  const after = await startDeviceOnPty(options)
  const stranger = await startDeviceOnPty({ ...options, id: 'stranger' })
  t.not(before.carrier.path, after.carrier.path)
  const name = (path: string) => path.replace('/dev/', '')
  sys.plug(name(stranger.carrier.path), '1-1', { ...BRIDGE, serial: 'B' })
  sys.plug(name(before.carrier.path), '1-2', { ...BRIDGE, serial: 'A' })

  const transport = createNamedSerialTransport('usb-A', DEFAULT_BAUD, () => listSerialPorts(root))
  const device = createEcgLinkDevice('serial:usb-A', createFramedCarrier(transport))
  t.teardown(async () => {
    await device.stop()
    await after.stop()
    await stranger.stop()
  })
  const { states, identities, state } = await streaming(device)

  sys.unplug(name(before.carrier.path), '1-2')
  await before.stop()
  await until(() => states.some(({ reason }) => /no USB serial device A is plugged in/.test(reason)))
  sys.plug(name(after.carrier.path), '1-7', { ...BRIDGE, serial: 'A' })
  await until(() => state() === 'streaming')
  t.equal(device.counters.reopens, 1)
  t.same(
    identities.map(({ id }) => id),
    ['same'],
    'it is the same device to whoever listens',
  )
})

t.test('what is not there, and what is there twice, is said', async t => {
  const root = t.testdir({})
  const sys = fakeSysfs(root)
  sys.plug('ttyUSB0', '1-1', { ...BRIDGE, serial: '0001' })
  sys.plug('ttyUSB1', '1-2', { ...BRIDGE, serial: '0001' })
  sys.plug('ttyACM0', '1-3', { vendorId: '1366', productId: '105a', serial: 'J1', interfaceNumber: '02' })
  sys.plug('ttyACM1', '1-3', { vendorId: '1366', productId: '105a', serial: 'J1' })
  const ports = await listSerialPorts(root)
  t.throws(() => portByName('usb-0002', ports), { code: 'port-missing', exitCode: 2, message: /ecgclip devices/ })
  t.throws(() => portByName('usb-0001', ports), {
    code: 'port-ambiguous',
    message: '0001 names /dev/ttyUSB0 and /dev/ttyUSB1: unplug one, or name the port by its path',
  })
  t.throws(() => portByName('usb-10C4:EA60', ports), { code: 'port-ambiguous' })
  t.equal(portByName('usb-J1', ports).path, '/dev/ttyACM1', 'the first interface')
  t.equal(portByName('usb-J1-if02', ports).path, '/dev/ttyACM0')
  t.equal(portByName('usb-1366:105a', ports).path, '/dev/ttyACM1')
})

t.test('closed while it looks for its port, it stays closed', async t => {
  const transport = createNamedSerialTransport('usb-A', DEFAULT_BAUD, async () => {
    await transport.close()
    return [
      {
        path: '/dev/null',
        usb: {
          ...BRIDGE,
          serialNumber: 'A',
          interfaceNumber: 0,
          socket: '1-1',
          manufacturer: undefined,
          product: undefined,
        },
      },
    ]
  })
  await transport.open({ bytes: () => {}, closed: () => t.fail() })
  transport.write(Buffer.of(1))
  t.pass()
})

t.test('a device URI may name a port so', async t => {
  const transport = transportFor({
    text: '',
    driver: '',
    carrier: 'serial',
    path: 'usb-NOT-PLUGGED',
    baud: DEFAULT_BAUD,
  })
  await t.rejects(transport.open({ bytes: () => {}, closed: () => {} }), {
    code: 'port-missing',
    message: /NOT-PLUGGED/,
  })
})

import t, { type Test } from 'tap'
import { openDevice } from '../../../firmware-bridge/devices/open-device.js'
import { streaming, until } from '../listen.js'
import { NO_RADIO, openVirtualRadio, type VirtualRadio } from './virtual-radio.js'

const ADDRESS = 'C0:FF:EE:00:00:01'
const radioTest = (name: string, run: (t: Test) => Promise<void>) => t.test(name, { skip: NO_RADIO }, run)

function open(t: Test, radio: VirtualRadio, device = ADDRESS) {
  const stream = openDevice(`ble:${device}?adapter=${radio.adapter}`)
  t.teardown(() => stream.stop())
  return stream
}

radioTest('a device on the air streams every value, in order', async t => {
  const radio = await openVirtualRadio(t, [{ address: ADDRESS }])
  const device = open(t, radio)
  const listened = await streaming(device)
  await until(() => listened.delivered.size >= 1000)
  t.same(listened.wrong, [])
  t.match(device.counters, { missingSamples: 0, lostPackets: 0, badFrames: 0, duplicateSamples: 0 })
  t.match(device.radio!(), { mtu: 247, rssi: -61 })
})

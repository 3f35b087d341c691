import t from 'tap'
import { parseAdapterName } from '../../../firmware-bridge/ble/adapter-name.js'
import { findBleDevices } from '../../../firmware-bridge/discovery/find-ble-devices.js'
import { ADDRESS, ADDRESS_2, radioTest } from '../ble/radio-rig.js'

const IN_REACH = [
  { address: ADDRESS, name: 'bed-1' },
  { address: ADDRESS_2, name: 'Polar H10 1234', service: '180d' },
  { address: 'C0:FF:EE:00:00:03', name: 'headphones', service: '110b' },
] as const

radioTest('ECG devices in reach, with the driver that fits', IN_REACH, async (t, radio) => {
  const found = await findBleDevices(parseAdapterName(radio.adapter))
  t.match(
    found.sort((a, b) => a.place.localeCompare(b.place)),
    [
      { carrier: 'ble', place: ADDRESS, name: 'bed-1', driver: 'ecg-link', uri: `ble:${ADDRESS}` },
      { place: ADDRESS_2, name: 'Polar H10 1234', driver: 'polar-h10', uri: `ble:${ADDRESS_2}?driver=polar-h10` },
    ],
  )
  t.equal(found.length, 2)
})

t.test('an adapter that was asked for and is not there', async t => {
  const absent = parseAdapterName('uart:/dev/ttyNothingThere')
  await t.rejects(findBleDevices(absent), { code: 'ble-adapter-missing', message: /ttyNothingThere is not there/ })
})

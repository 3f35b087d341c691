import t, { type Test } from 'tap'
import { openFlashDevice } from '../../../firmware-bridge/flash/open-flash-device.js'
import { SMP_SERVICE } from '../../../firmware-bridge/flash/smp/ble-carrier.js'
import { deliverImage, upgradeDevice } from '../../../firmware-bridge/flash/upgrade-device.js'
import { ADDRESS } from '../ble/radio-rig.js'
import { NO_RADIO, openVirtualRadio, type RadioDevice } from '../ble/virtual-radio.js'
import { hear, NO_FLASH_BOARD, POLICY, startFlashBoard } from './flash-board.js'
import { inSlot, makeFlash, makeImage, SLOT_BYTES } from './image-maker.js'

// The service is bumble's, its framing PyPI's smp; the server behind it is the C library's.
const skip = NO_RADIO || NO_FLASH_BOARD

async function startRadio(t: Test, options: Partial<RadioDevice> = {}) {
  const folder = t.testdir()
  const flash = makeFlash(folder, { version: '1.0.0' })
  const board = await startFlashBoard(t, flash, '--console', '--tcp', '0')
  const radio = await openVirtualRadio(folder, [{ address: ADDRESS, smp: board.uri.replace(/^tcp:/, ''), ...options }])
  t.teardown(() => radio.close())
  const open = async (query: string) => {
    const device = await openFlashDevice(`ble:${ADDRESS}?adapter=${radio.adapter}${query}`)
    t.teardown(() => device.close())
    return device
  }
  return { folder, flash, radio, open }
}

for (const mtu of [247, 65]) {
  t.test(`an upgrade through the Bluetooth SMP service at MTU ${mtu}`, { skip }, async t => {
    const { folder, flash, open } = await startRadio(t, { mtu })
    const device = await open('&driver=smp')
    t.equal(device.protocol, 'the Bluetooth SMP service')
    t.same(device.limits, { bufferSize: 1004, bufferCount: 5 })
    t.same(await device.slots(), [
      { image: 0, slot: 0, size: SLOT_BYTES },
      { image: 0, slot: 1, size: SLOT_BYTES },
    ])
    t.equal(await device.echo('Grüße '.repeat(12)), 'Grüße '.repeat(12))
    const file = makeImage(folder, { version: '1.1.0', bytes: 12_345 })
    t.match(await upgradeDevice(device, file, POLICY, hear()), {
      from: '1.0.0',
      to: '1.1.0',
      changed: true,
      streams: undefined,
      upload: { match: true, resentBytes: 0 },
    })
    t.ok(inSlot(flash, 1, file.bytes.length).equals(file.bytes))
    t.match((await device.images())[1], { active: true, confirmed: true })
    t.ok(device.client.counters.reopens >= 1, 'its reset ended the connection')
  })
}

t.test('a device without ECG Link is found to speak SMP only', { skip }, async t => {
  const { open } = await startRadio(t, { service: '180d', advertised: false })
  const device = await open('')
  t.equal(device.protocol, 'the Bluetooth SMP service')
  t.match(await device.images(), [{ version: '1.0.0', active: true }])
})

t.test('a device out of reach in the middle of an upload is found again, and the upload goes on', { skip }, async t => {
  const { folder, flash, radio, open } = await startRadio(t)
  const device = await open('&driver=smp')
  const file = makeImage(folder, { version: '1.1.0', bytes: 60_000 })
  const heard = hear()
  let left = false
  const upload = await deliverImage(device, file, POLICY, {
    ...heard,
    progress(bytes, total) {
      heard.progress(bytes, total)
      if (left || bytes < 20_000) return
      left = true
      void radio.do('leave', 0).then(() => radio.do('come_back', 0))
    },
  })
  t.match(upload, { match: true, resumptions: 1 })
  t.ok(inSlot(flash, 1, file.bytes.length).equals(file.bytes))
  t.equal(heard.notes.length, 1)
})

t.test('a device that has ECG Link only says how it could be flashed', { skip }, async t => {
  const { open } = await startRadio(t, { smp: '' })
  await t.rejects(open(''), { code: 'flash-unsupported', message: /\?driver=smp if it has the Bluetooth SMP service/ })
  await t.rejects(open('&driver=smp'), { code: 'ble-service-missing', message: new RegExp(SMP_SERVICE, 'i') })
})

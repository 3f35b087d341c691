import t from 'tap'
import { type VendorStream, vendorStreams } from '../../../bench/vendor-streams.js'
import { createAds1298Driver } from '../../../firmware-bridge/devices/ads1298.js'
import { createRandom } from '../../../firmware-bridge/emulator/random.js'
import { driverOptions, type Rig, rig } from './driver-rig.js'

const serial = vendorStreams().filter(({ characteristic }) => characteristic === undefined)

/** Packets n … m − 1 at their pace. */
function stream(device: Rig, vendor: VendorStream, from: number, to: number, harm = (bytes: Uint8Array) => bytes) {
  for (let n = from; n < to; n++) {
    device.pass((vendor.perPacket * 1e6) / vendor.rate)
    device.give(harm(vendor.packet(n)), vendor.characteristic)
  }
}

/** As far as the device has been told to send. */
function begun(vendor: VendorStream, device = rig(vendor.driver)): Rig {
  device.pass(200_000)
  for (const { bytes, characteristic } of vendor.answers ?? []) device.give(bytes, characteristic)
  device.pass(250_000)
  return device
}

const names = (device: Rig) => device.states.map(({ state }) => state)

t.test('the states of a device that comes, falls silent, goes on, is unplugged and comes back', async t => {
  for (const vendor of vendorStreams()) {
    const device = begun(vendor)
    const seconds = (count: number) => Math.ceil((count * vendor.rate) / vendor.perPacket)
    stream(device, vendor, 0, seconds(3))
    t.same(names(device), ['connecting', 'connected', 'streaming'], vendor.name)
    device.pass(2_100_000)
    t.match(device.states.at(-1), { state: 'stalled', reason: 'no samples for 2 s' })
    stream(device, vendor, seconds(5), seconds(6))
    t.equal(device.state(), 'streaming')
    device.close('the cable was unplugged')
    t.match(device.states.at(-1), { state: 'lost', reason: 'the cable was unplugged' })
    device.open()
    begun(vendor, device)
    stream(device, vendor, 0, seconds(1))
    t.equal(device.state(), 'streaming')
    const [first, second] = device.identities
    t.equal(device.identities.length, 2)
    t.equal(first!.id, second!.id, 'the same device')
    t.not(first!.boot, second!.boot, 'whose sample numbers began again')
    t.equal(Math.min(...device.samples.keys()), 0)
  }
})

t.test('5 s of silence: the carrier is opened again; a device that never sent gets longer each time', async t => {
  const [vendor] = serial
  const device = begun(vendor!)
  stream(device, vendor!, 0, 1000)
  device.pass(5_100_000)
  t.equal(device.reopens, 1)
  t.ok(names(device).includes('lost'))
  device.pass(5_000_000)
  t.equal(device.reopens, 2)
  device.pass(15_000_000)
  t.equal(device.reopens, 3, 'after 10 s')
  device.pass(600_000_000)
  t.equal(device.reopens, 3 + 20, 'after 20 s, and then every 30 s')
  t.match(device.states.at(-1), { state: 'connecting', reason: /nothing arrives/ })
  stream(device, vendor!, 0, 1000)
  t.equal(device.state(), 'streaming')
})

t.test('the wrong driver for the stream: a state with a clear sentence, and no sample', async t => {
  for (const spoken of serial) {
    for (const understood of serial) {
      if (spoken === understood) continue
      const device = begun(understood)
      stream(device, spoken, 0, 4 * spoken.rate)
      t.equal(device.samples.size, 0, `${understood.name} on ${spoken.name}`)
      t.equal(device.state(), 'connecting')
      const expected = `check the baud rate and the driver (?driver=${understood.name})`
      t.ok(device.reason().includes(expected), device.reason())
    }
  }
})

t.test('noise, text and a stuck line are no device, either', async t => {
  const random = createRandom(1)
  const lines: [string, () => Uint8Array][] = [
    ['noise', () => Uint8Array.from({ length: 100 }, () => random() * 256)],
    ['text', () => Buffer.from('ets Jul 29 2019 12:21:46 rst:0x1 (POWERON_RESET)\r\n')],
    ['zeros', () => new Uint8Array(100)],
    ['ones', () => new Uint8Array(100).fill(0xff)],
  ]
  for (const vendor of serial) {
    for (const [what, bytes] of lines) {
      const device = begun(vendor)
      for (let n = 0; n < 400; n++) {
        device.pass(10_000)
        device.give(bytes())
      }
      t.equal(device.samples.size, 0, `${vendor.name}, ${what}`)
      t.match(device.reason(), /bytes arrive, but no .*: check the baud rate and the driver/)
    }
  }
})

/** 8N1 at one rate, sampled in the middle of each bit at another, as a UART does it. */
function misread(bytes: Uint8Array, sent: number, read: number): Uint8Array {
  const levels: number[] = []
  for (const byte of bytes) {
    levels.push(0)
    for (let bit = 0; bit < 8; bit++) levels.push((byte >> bit) & 1)
    levels.push(1)
  }
  const level = (bitTime: number) => levels[Math.floor((bitTime * sent) / read)] ?? 1
  const result: number[] = []
  for (let at = 0; (at * sent) / read < levels.length; ) {
    if (level(at) === 1) {
      at += 0.1 // looks for the edge of a start bit
      continue
    }
    let byte = 0
    for (let bit = 0; bit < 8; bit++) byte |= level(at + 1.5 + bit) << bit
    result.push(byte)
    at += 9.6
  }
  return Uint8Array.from(result)
}

t.test('the wrong baud rate: a state with a clear sentence, and no sample; the right one, and it streams', async t => {
  const sent = 115_200
  for (const vendor of serial) {
    for (const read of [9_600, 57_600, 230_400, 921_600]) {
      const device = begun(vendor)
      stream(device, vendor, 0, 4 * vendor.rate, bytes => misread(bytes, sent, read))
      t.equal(device.samples.size, 0, `${vendor.name} at ${read}`)
      t.match(device.reason(), /check the baud rate and the driver/)
    }
    const device = begun(vendor)
    stream(device, vendor, 0, vendor.rate, bytes => misread(bytes, sent, sent))
    t.equal(device.state(), 'streaming', 'the model of a UART is right where the rates are')
  }
})

t.test('a sampling rate that is not what was configured is told, and so is the way back', async t => {
  const [ads] = serial
  const twice = { ...ads!, rate: 1000 }
  const device = rig(createAds1298Driver(driverOptions('rate=500')))
  stream(device, twice, 0, 25_000)
  t.match(device.reason(), /1000 samples\/s arrive instead of 500: the sampling rate is not what was configured/)
  stream(device, ads!, 25_000, 45_000)
  t.notMatch(device.reason(), /instead of/)
})

t.test('a carrier that has ended tells nothing more, and the clock of its last boot still answers', async t => {
  const [vendor] = serial
  const device = begun(vendor!)
  stream(device, vendor!, 0, 500)
  const told = device.samples.size
  device.close('gone')
  device.give(vendor!.packet(500))
  t.equal(device.samples.size, told)
  t.ok(device.timeOf(10))
  device.stop()
})

import t from 'tap'
import { healthyPiPacket } from '../../../bench/vendor-streams.js'
import { createHealthyPiDriver } from '../../../firmware-bridge/devices/healthypi.js'
import { createRandom } from '../../../firmware-bridge/emulator/random.js'
import { countingValue } from '../counting-source.js'
import { driverOptions, hex, joined, type Rig, range, rig } from './driver-rig.js'

const PERIOD = 8_000
const create = (options?: string) => createHealthyPiDriver(driverOptions(options))
const packet = (index: number) => healthyPiPacket(countingValue(index, 0))

function stream(device: Rig, from: number, to: number, bytesOf: (index: number) => Uint8Array = packet) {
  for (let index = from; index < to; index++) {
    device.pass(PERIOD)
    device.give(bytesOf(index))
  }
}

t.test(
  'a packet as the firmware composes it (data_module.c: DataPacketHeader, sendData, DataPacketFooter)',
  async t => {
    const device = rig(create())
    const rest = '11223344 ff 01020304 05060708 6e01 62 48 0f'
    device.give(hex(`0a fa 16 00 02  2efbffff ${rest}  00 0b`))
    device.give(hex(`0a fa 16 00 02  ffff0100 ${rest}  00 0b`))
    t.same(device.samples.get(0), [-1234])
    t.same(device.samples.get(1), [131_071])
    t.ok(device.saturated.has(1), 'the end of 18 bits')
    t.match(device.identities, [{ id: 'healthypi-7', model: 'ProtoCentral HealthyPi 5', rate: 125, channels: ['I'] }])
    t.equal((device.identities[0]!.lsb * 1000).toFixed(5), '0.38147', 'µV per count')
    t.match(device.reason(), /losses are estimated/)
  },
)

t.test('rate and lead come from the URI', async t => {
  const device = rig(create('rate=250&leads=II'))
  device.give(packet(0))
  t.match(device.identities, [{ rate: 250, channels: ['II'] }])
})

t.test('length, type and both footer bytes must hold', async t => {
  for (const [at, byte] of [
    [0, 0x0b],
    [1, 0x0a],
    [2, 23],
    [3, 1],
    [4, 3],
    [27, 1],
    [28, 0x0a],
  ] as const) {
    const device = rig(create())
    const bad = packet(0)
    bad[at] = byte
    device.give(joined([bad, packet(1)]))
    t.same([...device.samples.values()], [[countingValue(1, 0)]], `byte ${at}`)
  }
})

t.test('every sample comes, in order, in reads of any length, from whatever byte it begins with', async t => {
  for (const skip of [0, 1, 28]) {
    const device = rig(create())
    const bytes = joined(range(400).map(packet)).subarray(skip)
    const random = createRandom(skip)
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + Math.floor(random() * 100)
      device.give(bytes.subarray(at, at + length))
      at += length
    }
    const first = skip > 0 ? 1 : 0
    t.same(
      [...device.samples.values()].flat(),
      range(400 - first).map(n => countingValue(n + first, 0)),
    )
    t.match(device.counters, { missingSamples: 0, badFrames: 0 })
  }
})

t.test('damaged packets are counted exactly while no more than their own bytes are missing', async t => {
  const device = rig(create())
  const random = createRandom(3)
  let harmed = 0
  stream(device, 0, 10_000, index => {
    if (index === 0 || index % 40 !== 0) return packet(index)
    harmed++
    const bytes = packet(index)
    if (random() < 0.5) return bytes.subarray(0, 1 + Math.floor(random() * 28))
    bytes[28] = 0
    return bytes
  })
  t.equal(device.counters.missingSamples, harmed)
  t.equal(device.counters.badFrames, harmed)
  t.ok([...device.samples].every(([index, [value]]) => value === countingValue(index, 0)))
})

t.test('packets that vanish without a trace are estimated from arrival, to within 50 ms each time', async t => {
  const device = rig(create())
  let index = 0
  let truth = 0
  for (const lost of [0, 125, 20, 250]) {
    device.pass(lost * PERIOD)
    index += lost
    truth += lost
    stream(device, index, index + 2_000)
    index += 2_000
    t.ok(Math.abs(device.counters.missingSamples - truth) <= 8, `${device.counters.missingSamples} of ${truth}`)
  }
})

t.test('late reads are not losses', async t => {
  const device = rig(create())
  const random = createRandom(9)
  for (let index = 0; index < 20_000; ) {
    const batch = 1 + Math.floor(random() * (random() < 0.02 ? 100 : 10))
    device.pass(batch * PERIOD)
    device.give(joined(range(batch).map(n => packet(index + n))))
    index += batch
  }
  t.equal(device.counters.missingSamples, 0)
})

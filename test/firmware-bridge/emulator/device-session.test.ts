import t from 'tap'
import { Microseconds } from '../../../ecg/units.js'
import { createDeviceSession } from '../../../firmware-bridge/emulator/device-session.js'
import { type VirtualDeviceOptions, withDefaults } from '../../../firmware-bridge/emulator/virtual-device.js'
import { decodeAck } from '../../../firmware-bridge/link/acknowledgement.js'
import { decodePacket, encodePacket, type Packet, PacketType } from '../../../firmware-bridge/link/packet.js'
import { decodeSampleRange, encodeSampleRange } from '../../../firmware-bridge/link/sample-range.js'
import { decodeSamples } from '../../../firmware-bridge/link/samples.js'
import { decodeTimeResponse, encodeTimeRequest } from '../../../firmware-bridge/link/time-exchange.js'
import { countingSource, countingValue } from '../counting-source.js'

const SECOND = 1_000_000

function setUp(options: Partial<VirtualDeviceOptions> = {}) {
  const sent: Packet[] = []
  const device = createDeviceSession(
    withDefaults({ source: countingSource(), ...options }),
    Microseconds(10 * SECOND),
    bytes => sent.push(decodePacket(bytes) as Packet),
  )
  const tell = (type: number, at: number, payload?: Uint8Array) =>
    device.packet(encodePacket(type, 0, Microseconds(0), payload), Microseconds(at))
  const blocks = () =>
    sent
      .filter(({ type }) => type === PacketType.Samples)
      .map(packet => ({ ...decodeSamples(packet.payload, new Int32Array(1024))!, time: packet.time }))
  return {
    device,
    sent,
    tell,
    blocks,
    tick: (at: number, ready?: () => boolean) => device.tick(Microseconds(at), ready),
  }
}

t.test('it says HELLO after boot, and whenever it is asked', async t => {
  const { sent, tell } = setUp()
  t.equal(sent[0]!.type, PacketType.Hello)
  tell(PacketType.HelloRequest, 11 * SECOND)
  t.equal(sent[1]!.type, PacketType.Hello)
  t.equal(sent[1]!.time, SECOND)
})

t.test('it streams between START and STOP, at its rate, from sample 0', async t => {
  const { device, sent, tell, blocks, tick } = setUp()
  tick(20 * SECOND)
  t.equal(blocks().length, 0)
  tell(PacketType.Start, 20 * SECOND)
  t.same(decodeAck(sent.at(-1)!.payload), { type: PacketType.Start, status: 0 })
  tick(21 * SECOND)
  t.equal(device.next, 490, '35 whole blocks of 14')
  t.same(
    blocks().map(({ first }) => first),
    Array.from({ length: 35 }, (_, i) => 14 * i),
  )
  t.same(
    blocks().map(({ time }) => time),
    Array.from({ length: 35 }, (_, i) => 10 * SECOND + 28_000 * i),
  )
  t.equal(blocks()[3]!.values[9], countingValue(43, 1))
  tell(PacketType.Stop, 21 * SECOND)
  tick(30 * SECOND)
  t.equal(device.next, 490)
  tell(PacketType.Start, 30 * SECOND)
  tick(30 * SECOND + 28_000)
  t.equal(blocks().at(-1)!.first, 490, 'the index goes on')
  t.equal(blocks().at(-1)!.time, 20 * SECOND, 'at the time of the second START')
})

t.test('its clock drifts, and with it its sampling; a speed makes more samples in the same time', async t => {
  const drifting = setUp({ driftPpm: 200 })
  drifting.tell(PacketType.TimeRequest, 10_010 * SECOND, encodeTimeRequest(Microseconds(7)))
  t.match(decodeTimeResponse(drifting.sent.at(-1)!.payload), { t0: 7, t1: 10_002 * SECOND })
  drifting.tell(PacketType.Start, 10_010 * SECOND)
  drifting.tick(10_020 * SECOND)
  const truth = drifting.device.timeOf(5000)
  t.ok(Math.abs(truth - (10_020 * SECOND - 2_000)) < 1, `200 ppm early: ${truth}`)
  const fast = setUp({ speed: 10 })
  fast.tell(PacketType.Start, 10 * SECOND)
  fast.tick(11 * SECOND)
  t.equal(fast.device.next, 4998)
})

t.test('it sends again what it retains, and says what it lost', async t => {
  const { sent, tell, tick } = setUp({ retain: 100 })
  tell(PacketType.Start, 10 * SECOND)
  tick(11 * SECOND)
  sent.length = 0
  tell(PacketType.Resend, 11 * SECOND, encodeSampleRange({ first: 380, count: 50 }))
  t.same(decodeSampleRange(sent[0]!.payload), { first: 380, count: 10 })
  const again = sent.slice(1).map(packet => decodeSamples(packet.payload, new Int32Array(1024))!)
  t.same(
    again.map(({ first, count }) => [first, count]),
    [
      [390, 14],
      [404, 14],
      [418, 12],
    ],
  )
  t.ok(again.every(({ retransmission }) => retransmission))
  t.equal(sent[1]!.time, 390 * 2_000, 'with the time of its sampling')
})

t.test('a request for everything is answered with what there is', async t => {
  const { sent, tell } = setUp()
  tell(PacketType.Start, 10 * SECOND)
  sent.length = 0
  tell(PacketType.Resend, 11 * SECOND, encodeSampleRange({ first: 0, count: 0xffff_ffff }))
  t.same(sent, [])
})

t.test('electrodes fall off when they are told to', async t => {
  const { tell, tick, blocks } = setUp({ electrodesOff: sample => (sample >= 20 && sample < 40 ? 0b1000 : 0) })
  tell(PacketType.Start, 10 * SECOND)
  tick(10.2 * SECOND)
  t.same(
    blocks().map(({ electrodesOff }) => electrodesOff),
    [0, 8, 8, 0, 0, 0, 0],
  )
})

t.test('a carrier that is not ready delays blocks, but loses none and changes no time', async t => {
  const { tell, tick, blocks } = setUp()
  tell(PacketType.Start, 10 * SECOND)
  tick(11 * SECOND, () => false)
  t.equal(blocks().length, 0)
  tick(11 * SECOND)
  t.equal(blocks().length, 35)
  t.equal(blocks()[34]!.time, 34 * 28_000)
})

t.test('a source that ends, ends with its last samples', async t => {
  const { device, tell, tick, blocks } = setUp({ source: countingSource(500, ['I'], 100) })
  tell(PacketType.Start, 10 * SECOND)
  tick(20 * SECOND)
  t.same(
    blocks()
      .slice(-1)
      .map(({ first, count }) => [first, count]),
    [[98, 2]],
  )
  t.ok(device.ended)
})

t.test('a record of many channels, as from a sleep laboratory, goes in smaller blocks', async t => {
  const leads = Array.from({ length: 30 }, (_, c) => `EEG ${c}`)
  const { tell, tick, blocks } = setUp({ source: countingSource(500, leads) })
  tell(PacketType.Start, 11 * SECOND)
  tick(11.1 * SECOND)
  t.ok(blocks().length > 1)
  t.same(
    blocks().map(({ channels, count }) => [channels, count]),
    blocks().map(() => [30, 11]),
  )
})

t.test('a reboot begins everything again', async t => {
  const { device, sent, tell, tick } = setUp({ boot: 1 })
  tell(PacketType.Start, 10 * SECOND)
  tick(11 * SECOND)
  device.reboot(2, Microseconds(11 * SECOND))
  t.match(sent.at(-1), { type: PacketType.Hello, sequence: 0, time: 0 })
  t.equal(device.next, 0)
  tick(12 * SECOND)
  t.equal(device.next, 0, 'it waits for START')
})

t.test('what it does not know it refuses, and a block that fits no packet is a mistake', async t => {
  const { sent, tell } = setUp()
  tell(PacketType.Smp, 10 * SECOND)
  t.same(decodeAck(sent.at(-1)!.payload), { type: PacketType.Smp, status: 2 })
  t.throws(() => setUp({ samplesPerPacket: 42 }), RangeError)
})

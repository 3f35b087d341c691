import t from 'tap'
import { CYTON_GREETING, cytonPacket, wavy } from '../../../bench/vendor-streams.js'
import { createCytonDriver } from '../../../firmware-bridge/devices/cyton.js'
import { createRandom } from '../../../firmware-bridge/emulator/random.js'
import { countingValue } from '../counting-source.js'
import { driverOptions, hex, joined, type Rig, range, rig } from './driver-rig.js'

const LEADS = 'leads=I,II,V1,V2,V3,V4,V5,V6'
const PERIOD = 4_000
/** A packet counts when the next one begins. */
const WAITING = 1

const create = (options = LEADS) => createCytonDriver(driverOptions(options))
const packet = (index: number) => cytonPacket(index, countingValue)

/** A rig whose board greets after a reset, as far as START. */
function started(options?: string): Rig {
  const device = rig(create(options))
  device.pass(200_000)
  device.give(CYTON_GREETING)
  device.pass(300_000)
  return device
}

function stream(device: Rig, from: number, to: number, bytesOf: (index: number) => Uint8Array = packet) {
  for (let index = from; index < to; index++) {
    device.pass(PERIOD)
    device.give(bytesOf(index))
  }
}

function wrong({ samples }: Rig): string[] {
  return [...samples].flatMap(([index, values]) =>
    values.flatMap((told, channel) => (told === countingValue(index, channel) ? [] : [`${index}/${channel}: ${told}`])),
  )
}

t.test(
  'a packet is A0, a number, eight values, six auxiliary bytes and C0 (docs.openbci.com, Cyton Data Format)',
  async t => {
    const device = started()
    const values = '000001 ffffff 7fffff 800000 012345 fedcba 000000 000080'
    device.give(hex(`a0 fe ${values} 000000000000 c0  a0 ff ${values} 000000000000 c6  a0`))
    t.same(device.samples.get(0), [1, -1, 0x7fffff, -0x800000, 0x12345, -0x12346, 0, 128])
    t.equal(device.samples.size, 2, 'whatever the footer says the auxiliary bytes are; numbers wrap')
    t.ok(device.saturated.has(0))
  },
)

t.test('stop, reset, greeting, eight channels, start: in this order, and who it is', async t => {
  const device = started()
  t.equal(device.sent.map(({ text }) => text).join(''), 'svcb')
  stream(device, 0, 10)
  t.match(device.identities, [
    { id: 'cyton-7', model: 'OpenBCI Cyton', firmware: '3.1.1', rate: 250, channels: ['I', 'II', 'V1'] },
  ])
  t.equal((device.identities[0]!.lsb * 1000).toFixed(5), '0.02235', 'µV per count at gain 24')
  t.equal(device.state(), 'streaming')
})

t.test('a board that streams already is stopped first; what it still sends is not taken', async t => {
  const device = rig(create())
  stream(device, 0, 20)
  t.equal(device.samples.size, 0)
  device.pass(200_000)
  device.give(CYTON_GREETING)
  device.pass(300_000)
  stream(device, 0, 20)
  t.equal(device.samples.size, 20 - WAITING)
})

t.test('inputs have no lead unless someone says so', async t => {
  const device = started('')
  stream(device, 0, 10)
  t.same(device.identities[0]!.channels[0], 'CH1')
  t.match(device.reason(), /none of its inputs is said to be a lead: add \?leads=/)
})

t.test('START is repeated until packets come', async t => {
  const device = started()
  device.pass(2_100_000)
  t.equal(device.sent.map(({ text }) => text).join(''), 'svcbbb')
  stream(device, 0, 10)
  device.pass(1_500_000)
  t.equal(device.sent.length, 6, 'and not afterwards')
})

t.test('a dongle without its board, and a board that says nothing, are told apart', async t => {
  const device = rig(create())
  device.pass(200_000)
  device.give(Buffer.from('Failure: Communications timeout - Device failed to poll Host$$$'))
  t.match(device.states.at(-1), { state: 'connecting', reason: /the dongle answers, but not the board/ })
  const silent = rig(create())
  silent.pass(4_000_000)
  t.match(silent.states.at(-1), { state: 'connecting', reason: /nothing arrives.*check the device’s power/ })
  t.equal(silent.sent.map(({ text }) => text).join(''), 'svsv', 'asked again')
})

t.test('every sample comes, in order, in reads of any length, from whatever byte it begins with', async t => {
  for (const skip of [0, 1, 20, 32]) {
    const device = started()
    const bytes = joined(range(600).map(packet)).subarray(skip)
    const random = createRandom(skip)
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + Math.floor(random() * 100)
      device.give(bytes.subarray(at, at + length))
      at += length
    }
    t.equal(device.samples.size, 600 - WAITING - (skip > 0 ? 1 : 0))
    t.same(
      device.samples.get(0),
      range(8).map(channel => countingValue(skip > 0 ? 1 : 0, channel)),
    )
    t.match(device.counters, { missingSamples: 0, badFrames: 0 })
  }
})

t.test('A0 … C0 within values is not taken for a packet: the next one must follow on it', async t => {
  const device = started()
  // 33 bytes apart, A0 and C0 stand also at 7 and 39 of every packet, but no number follows on another there.
  const liar = (index: number) => {
    const bytes = cytonPacket(index, wavy)
    bytes[7] = 0xa0
    bytes[8] = 0x33
    bytes[6] = 0xc0
    return bytes
  }
  device.give(joined(range(50).map(liar)).subarray(5))
  t.equal(device.samples.size, 50 - 1 - WAITING)
  t.equal(device.samples.get(0)![7], wavy(1, 7))
})

t.test('20 % of the packets are lost in the air: the account is exact', async t => {
  const device = started()
  const random = createRandom(5)
  let kept = 0
  stream(device, 0, 20_000, index => {
    if (index > 0 && random() < 0.2) return new Uint8Array()
    kept++
    return packet(index)
  })
  stream(device, 20_000, 20_000 + WAITING)
  const last = Math.max(...device.samples.keys())
  t.equal(device.counters.missingSamples, last + 1 - device.samples.size)
  t.ok(kept - device.samples.size <= 1, `${kept} came, ${device.samples.size} were told`)
  t.same(wrong(device), [])
})

t.test('bytes are lost within packets: the account is exact, and no value is wrong', async t => {
  const device = started()
  const random = createRandom(6)
  let harmed = 0
  stream(device, 0, 30_000, index => {
    if (index % 50 !== 49) return packet(index)
    harmed++
    const at = Math.floor(random() * 33)
    return Buffer.concat([packet(index).subarray(0, at), packet(index).subarray(at + 1 + Math.floor(random() * 20))])
  })
  const last = Math.max(...device.samples.keys())
  t.equal(last, 30_000 - 1 - WAITING)
  t.equal(device.counters.missingSamples, last + 1 - device.samples.size)
  t.ok(device.counters.missingSamples <= 2 * harmed)
  t.same(wrong(device), [])
})

t.test('more than a turn of the counter is lost: the elapsed time tells how many', async t => {
  for (const lost of [255, 256, 257, 512, 900, 1_100]) {
    const device = started()
    stream(device, 0, 1_000)
    device.pass(lost * PERIOD)
    stream(device, 1_000 + lost, 2_000 + lost)
    t.equal(device.counters.missingSamples, lost)
    t.same(wrong(device), [])
  }
})

t.test('a host that slept finds everything in the queue, and counts nothing as lost', async t => {
  for (const slept of [300_000, 900_000]) {
    const device = started()
    stream(device, 0, 1_000)
    device.pass(slept)
    const waiting = slept / PERIOD
    device.give(joined(range(waiting).map(n => packet(1_000 + n))))
    stream(device, 1_000 + waiting, 3_000)
    t.equal(device.counters.missingSamples, 0, `${slept / 1e6} s`)
    t.same(wrong(device), [])
  }
})

t.test('a board that was switched off and on greets, is started again, and begins a new boot', async t => {
  const device = started()
  stream(device, 0, 500)
  device.pass(1_500_000)
  device.give(CYTON_GREETING)
  device.pass(200_000)
  t.equal(device.sent.map(({ text }) => text).join(''), 'svcbcb')
  t.ok(device.timeOf(499), 'the boot that ended keeps its clock until the next one begins')
  stream(device, 0, 100)
  t.same(
    device.identities.map(({ boot }) => boot),
    [1, 2],
  )
  t.equal(device.samples.size, 100 - WAITING)
  t.equal(device.counters.reboots, 1)
})

t.test('stop is said on the way out', async t => {
  const device = started()
  stream(device, 0, 10)
  device.stop()
  t.equal(device.sent.at(-1)!.text, 's')
})

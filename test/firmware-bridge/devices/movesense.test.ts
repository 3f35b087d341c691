import t from 'tap'
import { MOVESENSE_HELLO, movesensePacket, wavy } from '../../../bench/vendor-streams.js'
import {
  decodeGsp,
  decodeGspEcg,
  decodeGspHello,
  decodeGspStatus,
  encodeHello,
  encodeSubscribe,
  encodeUnsubscribe,
  GSP_NOTIFY,
  GSP_SERVICE,
  GSP_WRITE,
} from '../../../firmware-bridge/devices/movesense/gsp.js'
import { createMovesenseDriver, MOVESENSE_PROFILE } from '../../../firmware-bridge/devices/movesense.js'
import { createRandom } from '../../../firmware-bridge/emulator/random.js'
import { driverOptions, hex, joined, type Rig, range, rig } from './driver-rig.js'

const COUNT = 16
const SUBSCRIBED = hex('01 02 c8 00')
/** The sensor's first raw values and the same in µV (movesense-commander, docs/gsp-protocol.md). */
const RAW = [20835, 20488, 20147, 19833]
const MICROVOLTS = [7948, 7816, 7685, 7566]

const create = (options?: string) => createMovesenseDriver(driverOptions(options))

function started(options?: string): Rig {
  const device = rig(create(options))
  device.give(MOVESENSE_HELLO, GSP_NOTIFY)
  device.give(SUBSCRIBED, GSP_NOTIFY)
  return device
}

function stream(device: Rig, from: number, to: number, { began = 1000, lost = (_: number): boolean => false } = {}) {
  for (let n = from; n < to; n++) {
    device.pass((COUNT * 1e6) / 128)
    if (!lost(n)) device.give(movesensePacket(n * COUNT, wavy, began), GSP_NOTIFY)
  }
}

const wrong = ({ samples }: Rig) => [...samples].filter(([index, [value]]) => value !== wavy(index, 0)).length

const microvoltPacket = (values: readonly number[]) =>
  joined([hex('02 02 a9210000'), new Uint8Array(Int16Array.from({ length: COUNT }, (_, i) => values[i] ?? 0).buffer)])
const countPacket = (values: readonly number[]) =>
  joined([hex('02 02 a9210000'), new Uint8Array(Int32Array.from({ length: COUNT }, (_, i) => values[i] ?? 0).buffer)])

t.test('commands and notifications as the protocol’s page has them', async t => {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  t.equal(text(encodeHello(1)), '0001')
  t.equal(text(encodeSubscribe(99, '/Meas/ECG/128')), `0163${Buffer.from('/Meas/ECG/128').toString('hex')}`)
  t.equal(text(encodeUnsubscribe(99)), '0263')
  t.match(decodeGsp(SUBSCRIBED), { kind: 'response', reference: 2 })
  t.equal(decodeGspStatus(hex('c8 00')), 200)
  t.equal(decodeGspStatus(hex('94 01')), 404)
  t.equal(decodeGspStatus(hex('c8')), undefined)
  t.same(decodeGspHello(MOVESENSE_HELLO.subarray(2)), {
    serial: '174630000192',
    product: 'Movesense',
    version: '2.3.1',
  })
  t.equal(decodeGspHello(hex('01')), undefined)
  for (const nothing of ['', '02', '04 02 00', '00 02'])
    t.equal(decodeGsp(hex(nothing)), undefined, nothing || 'nothing')
})

t.test('counts and µV of the same moment agree, and the stamp is the FIRST sample’s', async t => {
  const counts = new Int32Array(COUNT)
  const micros = new Int32Array(COUNT)
  t.same(decodeGspEcg(countPacket(RAW).subarray(2), counts), { firstSampleAt: 8617, unit: 'count' })
  t.same(decodeGspEcg(microvoltPacket(MICROVOLTS).subarray(2), micros), { firstSampleAt: 8617, unit: 'µV' })
  const device = started()
  device.give(countPacket(RAW), GSP_NOTIFY)
  const { lsb } = device.identities[0]!
  for (const i of range(4)) t.equal(Math.round(counts[i]! * lsb * 1000), micros[i])
  t.equal(decodeGspEcg(new Uint8Array(67), counts), undefined)
})

t.test('a firmware that scales to µV is noticed by the length of its packets', async t => {
  const device = started()
  device.give(microvoltPacket(MICROVOLTS), GSP_NOTIFY)
  t.match(device.identities, [{ lsb: 0.001 }])
  t.equal(device.samples.get(0)![0], 7948)
  device.give(countPacket(RAW), GSP_NOTIFY)
  t.match(device.counters, { packets: 1, badFrames: 1 }, 'and one that changes its mind is not believed')
})

t.test('HELLO, then ECG at the rate of the URI; the serial number is its identity', async t => {
  const device = rig(create('rate=256&leads=II'))
  t.match(device.sent, [{ hex: '0001', characteristic: GSP_WRITE }])
  device.give(MOVESENSE_HELLO, GSP_NOTIFY)
  device.pass(100_000)
  t.equal(device.sent[1]!.hex, Buffer.from('\x01\x02/Meas/ECG/256').toString('hex'))
  device.give(SUBSCRIBED, GSP_NOTIFY)
  device.pass(125_000)
  device.give(movesensePacket(0, wavy, 1000, 256), GSP_NOTIFY)
  t.match(device.identities, [
    { id: 'movesense-174630000192', model: 'Movesense', firmware: '2.3.1', rate: 256, channels: ['II'] },
  ])
  device.stop()
  t.equal(device.sent.at(-1)!.hex, '0202')
  t.same(MOVESENSE_PROFILE, { service: GSP_SERVICE, notify: [GSP_NOTIFY] })
})

t.test('a sensor without HELLO is known by its address', async t => {
  const device = rig(create())
  device.pass(2_100_000)
  t.equal(device.sent.length, 2)
  device.give(SUBSCRIBED, GSP_NOTIFY)
  stream(device, 0, 1)
  t.match(device.identities, [{ id: 'movesense-7', firmware: 'unknown' }])
})

t.test('a refusal is told with its status, and tried again', async t => {
  const device = rig(create('rate=333'))
  device.give(MOVESENSE_HELLO, GSP_NOTIFY)
  device.pass(100_000)
  device.give(hex('01 02 94 01'), GSP_NOTIFY)
  t.match(device.states.at(-1), { state: 'connecting', reason: /refuses ECG at 333 Hz \(status 404\)/ })
  device.pass(2_100_000)
  t.equal(device.sent.length, 3)
})

t.test('a packet that the MTU has split is put together, whatever is lost of it', async t => {
  for (const cut of [20, 38, 50]) {
    const device = started()
    const parts = (n: number) => {
      const whole = movesensePacket(n * COUNT, wavy)
      return [whole.subarray(0, cut), joined([hex('03 02'), whole.subarray(cut)])] as const
    }
    for (let n = 0; n < 30; n++) {
      device.pass(125_000)
      const [head, tail] = parts(n)
      // At a cut of 38 the head of the very first packet could be a whole one of µV: that device has sent a whole one before.
      if (n === 0) device.give(movesensePacket(0, wavy), GSP_NOTIFY)
      else {
        if (n !== 10) device.give(head, GSP_NOTIFY)
        if (n !== 20) device.give(tail, GSP_NOTIFY)
      }
    }
    t.equal(device.samples.size, 28 * COUNT, `cut at ${cut}`)
    t.equal(device.counters.missingSamples, 2 * COUNT)
    t.equal(device.counters.badFrames, 2)
    t.equal(wrong(device), 0)
  }
})

t.test('lost notifications: the account is exact, also when the stamp wraps after 49.7 days', async t => {
  for (const began of [0, 2 ** 32 - 10_000]) {
    const device = started()
    const random = createRandom(4)
    let lost = 0
    stream(device, 0, 2000, { began, lost: n => n > 0 && n < 1999 && random() < 0.3 && ++lost > 0 })
    t.equal(device.counters.missingSamples, lost * COUNT)
    t.equal(device.counters.lostPackets, lost)
    t.equal(wrong(device), 0)
    const { at, uncertainty } = device.timeOf(1999 * COUNT)!
    t.ok(Math.abs(at - (device.now - 125_000)) <= uncertainty)
    t.ok(uncertainty < 100_000)
  }
})

t.test('notifications of others’ commands are left alone, others are counted', async t => {
  const device = started()
  stream(device, 0, 2)
  device.give(hex('02 09 01020304'), GSP_NOTIFY)
  t.equal(device.counters.badFrames, 0)
  device.give(hex('07 09'), GSP_NOTIFY)
  device.give(hex('03 02 0102'), GSP_NOTIFY)
  t.equal(device.counters.badFrames, 2)
})

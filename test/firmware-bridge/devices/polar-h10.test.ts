import t from 'tap'
import { polarFrame, wavy } from '../../../bench/vendor-streams.js'
import {
  decodePmdControl,
  decodePmdEcg,
  PMD_CONTROL,
  PMD_DATA,
  PMD_SERVICE,
  START_ECG,
  STOP_ECG,
} from '../../../firmware-bridge/devices/polar-h10/pmd.js'
import { createPolarH10Driver, POLAR_H10_PROFILE } from '../../../firmware-bridge/devices/polar-h10.js'
import { createRandom } from '../../../firmware-bridge/emulator/random.js'
import { driverOptions, hex, type Rig, rig } from './driver-rig.js'

/** Of an H10 at its usual MTU. */
const COUNT = 73
const STARTED = hex('f0 02 00 00 00')

const create = (options?: string) => createPolarH10Driver(driverOptions(options))

function started(options?: string): Rig {
  const device = rig(create(options))
  device.give(STARTED, PMD_CONTROL)
  return device
}

/** Frames n … m − 1, each when its last sample has been taken, by a sensor whose crystal gives `rate`. */
function stream(device: Rig, from: number, to: number, { rate = 130, lost = (_: number): boolean => false } = {}) {
  for (let n = from; n < to; n++) {
    device.pass((COUNT * 1e6) / rate)
    if (!lost(n)) device.give(polarFrame(n * COUNT, COUNT, wavy, undefined, rate), PMD_DATA)
  }
}

const wrong = ({ samples }: Rig) => [...samples].filter(([index, [value]]) => value !== wavy(index, 0)).length

t.test(
  'the frame of the SDK’s test: −32766 and 32770 µV, the LAST at 2 s (EcgDataTest.kt, raw ecg data type 0)',
  async t => {
    const values = new Int32Array(COUNT)
    const frame = decodePmdEcg(hex('00 0094357700000000 00 0280ff 028000'), values)
    t.same(frame, { lastSampleAt: 2_000_000, count: 2 })
    t.same([...values.subarray(0, 2)], [-32_766, 32_770])
  },
)

t.test('what is no raw ECG frame of type 0 is none', async t => {
  const values = new Int32Array(COUNT)
  for (const [bytes, what] of [
    ['', 'nothing'],
    ['00 0094357700000000 00', 'no values'],
    ['00 0094357700000000 00 0280ff 0280', 'a value in two bytes'],
    ['02 0094357700000000 00 0280ff', 'acceleration'],
    ['00 0094357700000000 01 0280ff', 'frame type 1'],
    ['00 0094357700000000 80 0280ff', 'compressed'],
  ] as const)
    t.equal(decodePmdEcg(hex(bytes), values), undefined, what)
  t.equal(decodePmdEcg(new Uint8Array(10 + 3 * (COUNT + 1)), values), undefined, 'more than there is room for')
})

t.test('commands and answers of the control point (polar-ble-sdk, PmdControlPointResponse.kt)', async t => {
  t.equal(Buffer.from(START_ECG).toString('hex'), '02000001820001010e00')
  t.equal(Buffer.from(STOP_ECG).toString('hex'), '0300')
  t.same(decodePmdControl(STARTED), { kind: 'started', status: 0 })
  t.same(decodePmdControl(hex('f0 02 00 06')), { kind: 'started', status: 6 })
  t.same(decodePmdControl(hex('01 00')), { kind: 'stopped' })
  t.equal(decodePmdControl(hex('01 02')), undefined, 'acceleration was stopped')
  t.equal(decodePmdControl(hex('0f 05 00')), undefined, 'features')
  t.equal(decodePmdControl(hex('f0 03 00 00')), undefined, 'an answer to STOP')
  t.equal(decodePmdControl(hex('')), undefined)
})

t.test('it is started over its control point until it answers, and stopped on the way out', async t => {
  const device = rig(create())
  device.pass(3_000_000)
  t.same(
    device.sent.map(({ hex, characteristic }) => [hex, characteristic]),
    [
      ['02000001820001010e00', PMD_CONTROL],
      ['02000001820001010e00', PMD_CONTROL],
    ],
  )
  device.give(STARTED, PMD_CONTROL)
  stream(device, 0, 4)
  t.equal(device.sent.length, 2)
  device.stop()
  t.match(device.sent.at(-1), { hex: '0300', characteristic: PMD_CONTROL })
  t.same(POLAR_H10_PROFILE, { service: PMD_SERVICE, notify: [PMD_CONTROL, PMD_DATA] })
})

t.test('who it is: its address, 130 Hz, µV, one lead', async t => {
  const device = started()
  stream(device, 0, 2)
  t.match(device.identities, [{ id: 'polar-h10-7', model: 'Polar H10', rate: 130, lsb: 0.001, channels: ['I'] }])
  const other = started('leads=II')
  stream(other, 0, 1)
  t.same(other.identities[0]!.channels, ['II'])
})

t.test('a refusal says why, and is tried again', async t => {
  for (const [status, reason] of [
    ['0a', /the MTU is too small/],
    ['0d', /in its charger/],
    ['63', /status 99/],
  ] as const) {
    const device = rig(create())
    device.give(hex(`f0 02 00 ${status}`), PMD_CONTROL)
    t.match(device.states.at(-1), { state: 'connecting', reason })
    device.pass(2_500_000)
    t.equal(device.sent.length, 2)
  }
  const already = rig(create())
  already.give(hex('f0 02 00 06'), PMD_CONTROL)
  already.pass(2_500_000)
  t.equal(already.sent.length, 1, '"already in that state" is no refusal')
})

t.test('a sensor that stops by itself is started again', async t => {
  const device = started()
  stream(device, 0, 3)
  device.give(hex('01 00'), PMD_CONTROL)
  t.match(device.reason(), /the sensor has stopped measuring/)
  device.pass(2_100_000)
  t.equal(device.sent.length, 2)
})

t.test('lost notifications: the account is exact, at 130 Hz as at 130.06 and 1 % off', async t => {
  for (const rate of [130, 130.06, 131.3, 128.7]) {
    const device = started()
    const random = createRandom(4)
    let lost = 0
    const isLost = (n: number) => n > 0 && n < 999 && random() < 0.2 && ++lost > 0
    stream(device, 0, 1000, { rate, lost: isLost })
    t.equal(device.counters.missingSamples, lost * COUNT, `${rate} Hz`)
    t.equal(device.counters.lostPackets, lost)
    t.equal(wrong(device), 0)
  }
})

t.test(
  'stamps are those of the last sample: told times are true within what is stated, whatever the radio delays',
  async t => {
    const device = started()
    const rate = 130.06
    const random = createRandom(8)
    const begun = device.now
    let worst = Number.NEGATIVE_INFINITY
    for (let n = 0; n < 600; n++) {
      device.pass((COUNT * 1e6) / rate)
      const due = device.now
      device.pass(10_000 + random() * 80_000)
      device.give(polarFrame(n * COUNT, COUNT, wavy, undefined, rate), PMD_DATA)
      device.now = due
      const sample = (n + 1) * COUNT - 1
      const truth = begun + ((sample + 1) * 1e6) / rate
      const { at, uncertainty } = device.timeOf(sample)!
      worst = Math.max(worst, Math.abs(at - truth) - uncertainty)
    }
    t.ok(worst <= 0, `${worst} µs beyond`)
    t.ok(device.timeOf(600 * COUNT)!.uncertainty < 100_000)
  },
)

t.test('the sensor’s clock is set while it streams: the count goes on by arrival', async t => {
  const device = started()
  stream(device, 0, 20)
  for (let n = 20; n < 40; n++) {
    device.pass((COUNT * 1e6) / 130)
    device.give(polarFrame(n * COUNT, COUNT, wavy, 7e17), PMD_DATA)
  }
  t.equal(device.counters.missingSamples, 0)
  t.equal(wrong(device), 0)
})

t.test('a frame that is none is counted', async t => {
  const device = started()
  stream(device, 0, 1)
  device.give(hex('00 0094357700000000 80 0280ff'), PMD_DATA)
  device.give(hex(''), PMD_DATA)
  t.match(device.counters, { badFrames: 2, packets: 1 })
})

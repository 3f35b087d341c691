import t from 'tap'
import { ads1298Frame, type ValueAt, wavy } from '../../../bench/vendor-streams.js'
import { ELECTRODES } from '../../../ecg/leads.js'
import { createAds1298Driver } from '../../../firmware-bridge/devices/ads1298.js'
import { createRandom } from '../../../firmware-bridge/emulator/random.js'
import { countingValue } from '../counting-source.js'
import { driverOptions, hex, joined, type Rig, range, rig } from './driver-rig.js'

const create = (options?: string) => createAds1298Driver(driverOptions(options))
const PERIOD = 2_000
/** Frames after which the first one counts, and that each later one waits for. */
const TO_SYNCHRONISE = 17
const FOLLOWERS = 1

const frame = (index: number, status?: number, value: ValueAt = wavy) => ads1298Frame(index, value, status)

/** A frame every 2 ms, as it comes from `bytesOf`. */
function stream(rig: Rig, from: number, to: number, bytesOf: (index: number) => Uint8Array = index => frame(index)) {
  for (let index = from; index < to; index++) {
    rig.pass(PERIOD)
    rig.give(bytesOf(index))
  }
}

/** Samples that were told with the values of another one. */
function wrong({ samples }: Rig, value: ValueAt, shift = 0): string[] {
  return [...samples].flatMap(([index, values]) =>
    values.flatMap((told, channel) => (told === value(index + shift, channel) ? [] : [`${index}/${channel}: ${told}`])),
  )
}

t.test('a frame is 24 status bits and eight values, most significant byte first (SBAS459)', async t => {
  const device = rig(create())
  const values = '123456 fffffe 7fffff 800000 000000 000001 ffffff 800001'
  for (let n = 0; n < TO_SYNCHRONISE; n++) device.give(hex(`c00000 ${values}`))
  t.same(device.samples.get(0), [0x123456, -2, 0x7fffff, -0x800000, 0, 1, -1, -0x7fffff])
  t.ok(device.saturated.has(0), 'either end of the range is saturation')
})

t.test('who it is: the port, 500 Hz, 47.7 nV and the leads of the standard wiring', async t => {
  const device = rig(create())
  stream(device, 0, 20)
  t.match(device.identities, [{ id: 'ads1298-7', rate: 500, retain: 0, boot: 1 }])
  t.equal(Math.round(device.identities[0]!.lsb * 1e9), 47_684, 'pV per count, as in the C library')
  t.same(device.identities[0]!.channels, ['I', 'II', 'V1', 'V2', 'V3', 'V4', 'V5', 'V6'])
  t.same(
    device.states.map(({ state }) => state),
    ['connecting', 'connected', 'streaming'],
  )
  t.match(device.reason(), /not numbered|numbers no samples, so losses are estimated/)
})

t.test('rate, gain, reference and the board’s order of leads come from the URI', async t => {
  const device = rig(create('rate=1000&gain=1&vref=4&leads=V6,I,II,V2,V3,V4,V5,V1'))
  stream(device, 0, 20)
  const [identity] = device.identities
  t.equal(identity!.rate, 1000)
  t.equal(Math.round(identity!.lsb * 1e9), 476_837)
  t.same(identity!.channels, ['V6', 'I', 'II', 'V2', 'V3', 'V4', 'V5', 'V1'])
})

t.test('lead-off bits name electrodes, by what the channel measures', async t => {
  const cases: [leads: string | undefined, status: number, electrode: string[]][] = [
    [undefined, 1 << 12, ['LA']], // LOFF_STATP bit 0: IN1P
    [undefined, 1 << 13, ['LL']],
    [undefined, 1 << 14, ['V1']],
    [undefined, 1 << 19, ['V6']],
    [undefined, 1 << 4, ['RA']], // LOFF_STATN bit 0: IN1N
    [undefined, 0xfe << 4, []], // Wilson's terminal (TI forum, thread 63155)
    ['V6,I,II,V2,V3,V4,V5,V1', (1 << 12) | (1 << 5), ['RA', 'V6']],
  ]
  for (const [leads, status, expected] of cases) {
    const device = rig(create(leads && `leads=${leads}`))
    stream(device, 0, 20, index => frame(index, 0xc00000 | status))
    const bits = expected.reduce((all, name) => all | (1 << (ELECTRODES as readonly string[]).indexOf(name)), 0)
    t.equal(device.electrodesOff.get(0), bits, `${status.toString(16)} of ${leads ?? 'the standard wiring'}`)
  }
})

t.test('an electrode that comes off begins a new block at that very sample', async t => {
  const device = rig(create())
  const bytes = joined(range(60).map(index => frame(index, index < 30 ? 0xc00000 : 0xc01000)))
  device.give(bytes)
  t.equal(device.electrodesOff.get(29), 0)
  t.equal(device.electrodesOff.get(30), 0b10)
})

t.test('every sample comes, in order, in reads of any length, from whatever byte it begins with', async t => {
  for (const skip of [0, 1, 13, 26]) {
    const device = rig(create())
    const bytes = joined(range(400).map(index => frame(index, 0xc00000, countingValue))).subarray(skip)
    const random = createRandom(skip)
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + Math.floor(random() * 100)
      device.give(bytes.subarray(at, at + length))
      at += length
      device.pass((length / 27) * PERIOD)
    }
    const first = skip === 0 ? 0 : 1
    t.same([...device.samples.keys()], range(400 - FOLLOWERS - first))
    t.same(wrong(device, countingValue, first), [])
    t.match(device.counters, { missingSamples: 0, badFrames: 0 })
  }
})

t.test('1100 in the middle byte of a slow channel is not taken for a frame’s beginning', async t => {
  const trap: ValueAt = (index, channel) => (channel === 3 ? 0x00c100 | ((index * 73) & 0xff) : wavy(index, channel))
  const bytes = joined(range(100).map(index => frame(index, 0xc00000, trap)))
  for (const skip of [0, 5, 13]) {
    const device = rig(create())
    device.give(bytes.subarray(skip))
    t.same(wrong(device, trap, skip === 0 ? 0 : 1), [], `from byte ${skip}`)
    t.ok(device.samples.size > 90)
  }
})

t.test(
  'bytes are lost while a slow channel holds 1100: it does not take that channel’s byte for the beginning',
  async t => {
    const trap: ValueAt = (index, channel) => (channel === 3 ? 0x00c100 | ((index * 73) & 0xff) : wavy(index, channel))
    for (let missing = 1; missing < 27; missing++) {
      const device = rig(create())
      stream(device, 0, 200, index => frame(index, 0xc00000, trap).subarray(0, index === 100 ? 27 - missing : 27))
      t.same(wrong(device, trap), [], `${missing} bytes`)
      // Where not even the status is left, the frame before it has no successor, and goes with it.
      t.equal(device.counters.missingSamples, missing > 24 ? 2 : 1)
      t.equal(device.samples.size + device.counters.missingSamples, 199)
    }
  },
)

t.test('electrodes that come off and on at every sample delay the stream, but do not end it', async t => {
  const device = rig(create())
  const random = createRandom(2)
  stream(device, 0, 500, index => frame(index, 0xc00000 | (Math.floor(random() * 0x10000) << 4)))
  t.ok(device.samples.size > 470)
  t.same(wrong(device, wavy), [])
})

t.test('lost and flipped bytes: what is missing is counted exactly, and no value is wrong', async t => {
  const device = rig(create())
  const random = createRandom(7)
  const FRAMES = 20_000
  let harmed = 0
  stream(device, 0, FRAMES, index => {
    const bytes = frame(index, 0xc00000, countingValue)
    if (index < 100 || index % 100 !== 0) return bytes
    harmed++
    if (random() < 0.5) return bytes.subarray(0, 27 - 1 - Math.floor(random() * 26)) // an overrun
    bytes[0]! ^= 0xff
    return bytes
  })
  t.same(wrong(device, countingValue), [])
  const last = Math.max(...device.samples.keys())
  t.equal(last, FRAMES - 1 - FOLLOWERS)
  t.equal(device.counters.missingSamples, last + 1 - device.samples.size)
  t.ok(device.counters.missingSamples >= harmed && device.counters.missingSamples <= 2 * harmed)
  t.equal(device.counters.badFrames, harmed)
})

t.test('a second of silence from the chip is estimated from arrival, to within 50 ms', async t => {
  const device = rig(create())
  stream(device, 0, 5_000)
  device.pass(1_000_000)
  stream(device, 5_500, 10_000)
  const error = device.counters.missingSamples - 500
  t.ok(Math.abs(error) <= 25, `${device.counters.missingSamples} of 500`)
})

t.test('a second of noise does not number samples beyond the time that has passed', async t => {
  const device = rig(create())
  const random = createRandom(1)
  stream(device, 0, 5_000)
  stream(device, 5_000, 5_500, () => Uint8Array.from({ length: 200 }, () => Math.floor(random() * 256)))
  stream(device, 5_500, 10_000)
  const error = device.counters.missingSamples - 500
  t.ok(Math.abs(error) <= 40, `${device.counters.missingSamples} of 500`)
})

t.test('options that make no sense are refused, and named', async t => {
  for (const [options, message] of [
    ['rate=0', /rate must be a number from 1 to 32000/],
    ['gain=x', /gain must be/],
    ['leads=I,II', /must name 8 channels/],
    ['speed=5', /"speed" is not an option of this driver; there is rate, gain, vref, leads/],
  ] as const)
    t.throws(() => create(options), { code: 'device-uri', message })
})

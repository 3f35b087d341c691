import t from 'tap'
import { Hertz, Microseconds, SampleIndex } from '../../../ecg/units.js'
import { createArrivalTimeline } from '../../../firmware-bridge/devices/arrival-timeline.js'
import { createRandom } from '../../../firmware-bridge/emulator/random.js'

const RATE = 250
/** What a dongle and USB need at least, and now and then, µs. */
const FASTEST = 15_000
const SLOWEST = 60_000

/** Arrivals in reads of a few samples, from a device whose oscillator is off by `off`; `lost`: samples lost in that second. */
function follow({ off = 0, seconds = 600, quantum = 1, lost = new Map<number, number>() }) {
  const timeline = createArrivalTimeline(Hertz(RATE), quantum)
  const random = createRandom(11)
  const period = 1e6 / (RATE * (1 + off))
  let taken = 0
  let number = 0
  let found = 0
  let worst = Number.NEGATIVE_INFINITY
  let second = 0
  const errors: number[] = []
  while (taken * period < seconds * 1e6) {
    taken += 5
    number += 5
    if (taken * period > (second + 1) * 1e6) {
      second++
      taken += lost.get(second) ?? 0
    }
    const delay = FASTEST + (random() < 0.2 ? random() * SLOWEST : random() * 2_000)
    const arrived = Microseconds(1e9 + taken * period + delay)
    const estimate = timeline.add(number, arrived)
    found += estimate
    number += estimate
    const { at, uncertainty } = timeline.timeOf(SampleIndex(number))!
    const error = Math.abs(at - (1e9 + taken * period))
    errors.push(error)
    worst = Math.max(worst, error - uncertainty)
  }
  return { found, worst, errors, timeline }
}

t.test(
  'told times are true within what is stated, for oscillators up to 2 % off, from the first sample on',
  async t => {
    for (const off of [0, 0.005, -0.005, 0.02, -0.02]) {
      const { found, worst, errors } = follow({ off })
      t.equal(found, 0, `${off}: nothing is taken for lost`)
      t.ok(worst <= 0, `${off}: ${Math.round(worst)} µs beyond`)
      t.ok(errors.at(-1)! < 30_000, `${off}: ${Math.round(errors.at(-1)!)} µs off in the end`)
    }
  },
)

t.test('losses without a trace are found, to within 50 ms, and told times stay within what is stated', async t => {
  for (const lost of [10, 50, 250, 900]) {
    const { found, worst } = follow({ off: 0.003, lost: new Map([[100, lost]]) })
    t.ok(Math.abs(found - lost) <= 0.05 * RATE, `${found} of ${lost}`)
    t.ok(worst <= 0, `${lost}: ${Math.round(worst)} µs beyond`)
  }
})

t.test('where losses are multiples of 256, they are found exactly', async t => {
  const { found } = follow({
    quantum: 256,
    lost: new Map([
      [50, 256],
      [100, 512],
    ]),
  })
  t.equal(found, 768)
})

t.test('no sample arrives before it is taken: that bounds what can have been lost', async t => {
  const { timeline } = follow({ seconds: 100 })
  const now = Microseconds(1e9 + 100e6 + FASTEST)
  t.ok(timeline.room(100 * RATE, now) <= 0.06 * RATE)
  const room = timeline.room(99 * RATE, now)
  t.ok(Math.abs(room - RATE) <= 0.06 * RATE, `${room}`)
  t.equal(timeline.room(101 * RATE, now), 0)
})

t.test('before the first sample there is no time', async t => {
  const timeline = createArrivalTimeline(Hertz(RATE))
  t.equal(timeline.timeOf(SampleIndex(0)), undefined)
  t.equal(timeline.room(5, Microseconds(0)), 0)
})

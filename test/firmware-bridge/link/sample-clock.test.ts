import t from 'tap'
import { Hertz, Microseconds, SampleIndex } from '../../../ecg/units.js'
import { createRandom } from '../../../firmware-bridge/emulator/random.js'
import { createSampleClock, type SampleClock } from '../../../firmware-bridge/link/sample-clock.js'

const SECOND = 1e6
const HOUR = 3600 * SECOND
const RATE = 500
const BLOCK = 14

interface World {
  readonly seed: number
  /** Device µs per true µs, less 1, at a true time. */
  readonly drift: (at: number) => number
  /** How much faster than nominal the sampling clock runs against the device clock. */
  readonly rateError?: number
  /** One-way delays, µs. */
  readonly toDevice: (random: () => number) => number
  readonly toHost: (random: () => number) => number
  /** Error of the time in a header, µs. */
  readonly jitter?: (random: () => number) => number
  readonly exchanges?: boolean
  readonly hours: number
  /** True time at which the device clock jumps, and by how much. */
  readonly jump?: { readonly at: number; readonly by: number }
  /** True time at which sampling rests, and for how long. */
  readonly rest?: { readonly at: number; readonly for: number }
}

interface Outcome {
  readonly asked: number
  /** Fraction of times whose truth lay within the stated uncertainty. */
  readonly covered: number
  /** µs. */
  readonly meanUncertainty: number
  readonly meanError: number
  readonly worstError: number
}

/** Runs a clock against a world whose truth is known, and looks at each window of 10 s when it is complete. */
function simulate(world: World): Outcome {
  const random = createRandom(world.seed)
  const clock: SampleClock = createSampleClock(Hertz(RATE))
  const begin = 7e9
  let deviceTime = 123_456
  let burst = 8
  let nextExchange = begin
  let nextBlock = begin + SECOND
  let index = 0
  /** µs of device clock per sample. */
  const period = SECOND / RATE / (1 + (world.rateError ?? 0))
  const truths: { index: number; at: number }[] = []
  const errors: number[] = []
  const uncertainties: number[] = []
  let covered = 0
  let jumped = false
  let rested = false

  let now = begin
  const advance = (to: number) => {
    deviceTime += (to - now) * (1 + world.drift(now - begin))
    now = to
  }

  while (now < begin + world.hours * HOUR) {
    if (world.jump && !jumped && now - begin >= world.jump.at) {
      jumped = true
      deviceTime += world.jump.by
    }
    if (nextExchange <= nextBlock) {
      advance(Math.max(now, nextExchange))
      burst = Math.max(0, burst - 1)
      nextExchange = now + (burst ? 60_000 : 10 * SECOND)
      if (world.exchanges === false) continue
      const there = world.toDevice(random)
      const back = world.toHost(random)
      const pace = 1 + world.drift(now - begin)
      const t1 = Math.floor(deviceTime + there * pace)
      const t2 = t1 + 100
      const t3 = Microseconds(Math.floor(now + there + 100 / pace + back))
      clock.exchange({ t0: Microseconds(Math.floor(now)), t1: Microseconds(t1), t2: Microseconds(t2) }, t3)
      continue
    }
    advance(nextBlock)
    const header = Microseconds(Math.floor(deviceTime + (world.jitter?.(random) ?? 0)))
    const pace = 1 + world.drift(now - begin)
    const arrived = Microseconds(now + ((BLOCK - 1) * period) / pace + world.toHost(random))
    if (!clock.block(SampleIndex(index), BLOCK, header, arrived)) {
      burst = 8
      nextExchange = now + 60_000
    }
    truths.push({ index, at: now })
    const start = truths.find(truth => truth.at >= now - 10 * SECOND)!
    while (truths[0]!.at < now - 20 * SECOND) truths.shift()
    for (const truth of [start, truths.at(-1)!]) {
      const told = clock.timeOf(SampleIndex(truth.index))!
      errors.push(Math.abs(told.at - truth.at))
      uncertainties.push(told.uncertainty)
      if (Math.abs(told.at - truth.at) <= told.uncertainty) covered++
    }
    index += RATE
    nextBlock = now + (RATE * period) / pace
    if (world.rest && !rested && now - begin >= world.rest.at) {
      rested = true
      nextBlock += world.rest.for
    }
  }
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  return {
    asked: errors.length,
    covered: covered / errors.length,
    meanUncertainty: mean(uncertainties),
    meanError: mean(errors),
    worstError: errors.reduce((most, error) => Math.max(most, error), 0),
  }
}

const describe = ({ covered, meanUncertainty, meanError, worstError }: Outcome) =>
  `covered ${(100 * covered).toFixed(2)} %, uncertainty ${meanUncertainty.toFixed(0)} µs, error ${meanError.toFixed(0)} µs, worst ${worstError.toFixed(0)} µs`

/** A UART behind USB: a millisecond or two, seldom a scheduling hiccup. */
const usb = (random: () => number) => 300 - 500 * Math.log(1 - random()) + (random() < 0.02 ? 80_000 * random() : 0)

for (const ppm of [-200, -37, 0, 200]) {
  t.test(`a day at ${ppm} ppm: the truth lies within what is stated`, async t => {
    const outcome = simulate({ seed: ppm + 1000, drift: () => ppm / 1e6, toDevice: usb, toHost: usb, hours: 24 })
    t.comment(describe(outcome))
    t.ok(outcome.covered >= 0.95, 'coverage')
    t.ok(outcome.meanUncertainty < 10_000, 'the uncertainty is of use')
    t.ok(outcome.meanError < 2_000, 'the error is smaller')
  })
}

t.test('ways of unequal length bias every exchange alike, and the uncertainty knows', async t => {
  for (const [there, back] of [
    [0, 8_000],
    [8_000, 0],
  ] as const) {
    const delay = (least: number) => (random: () => number) => least + 200 * random()
    const outcome = simulate({ seed: 5, drift: () => 100e-6, toDevice: delay(there), toHost: delay(back), hours: 24 })
    t.comment(describe(outcome))
    t.ok(outcome.covered >= 0.95)
    t.ok(outcome.meanError > 3_500, 'the bias is there')
    t.ok(outcome.meanUncertainty < 8_000)
  }
})

t.test('delays that take turns in being unequal', async t => {
  let turn = 0
  const outcome = simulate({
    seed: 6,
    drift: () => -200e-6,
    toDevice: random => (turn++ % 4000 < 2000 ? 10_000 * random() : 100),
    toHost: random => (turn % 4000 < 2000 ? 100 : 10_000 * random()),
    hours: 24,
  })
  t.comment(describe(outcome))
  t.ok(outcome.covered >= 0.95)
})

t.test('a crystal that warms and cools, and a sampling clock of its own, with jitter in its stamps', async t => {
  const outcome = simulate({
    seed: 8,
    drift: at => 150e-6 + 20e-6 * Math.sin((2 * Math.PI * at) / HOUR),
    rateError: -80e-6,
    jitter: random => 2_000 * random(),
    toDevice: usb,
    toHost: usb,
    hours: 24,
  })
  t.comment(describe(outcome))
  t.ok(outcome.covered >= 0.95)
  t.ok(outcome.meanUncertainty < 15_000)
})

t.test('without exchanges, arrival times are fitted, and the uncertainty says so', async t => {
  const outcome = simulate({
    seed: 9,
    drift: () => 200e-6,
    exchanges: false,
    toDevice: usb,
    toHost: random => 8_000 + usb(random),
    hours: 24,
  })
  t.comment(describe(outcome))
  t.ok(outcome.covered >= 0.95)
  t.ok(outcome.meanUncertainty > 50_000)
  t.ok(outcome.meanError < 20_000)
})

for (const by of [3600 * SECOND, -3600 * SECOND, 300_000]) {
  t.test(`a device clock that jumps by ${by / SECOND} s is followed, on both sides of the jump`, async t => {
    const outcome = simulate({
      seed: 10,
      drift: () => 50e-6,
      toDevice: usb,
      toHost: usb,
      hours: 0.5,
      jump: { at: 600.3 * SECOND, by },
    })
    t.comment(describe(outcome))
    t.ok(outcome.covered >= 0.99)
  })
}

t.test('sampling that rests for ten minutes goes on at the right time', async t => {
  const outcome = simulate({
    seed: 11,
    drift: () => 50e-6,
    toDevice: usb,
    toHost: usb,
    hours: 0.5,
    rest: { at: 600 * SECOND, for: 600 * SECOND },
  })
  t.comment(describe(outcome))
  t.ok(outcome.covered >= 0.99)
})

t.test('nothing is said before there is something to say', async t => {
  t.equal(createSampleClock(Hertz(RATE)).timeOf(SampleIndex(0)), undefined)
})

t.test('a replay at another speed tells the times at which its samples really came', async t => {
  for (const speed of [10, 2, 0.5]) {
    const clock = createSampleClock(Hertz(RATE))
    for (let i = 0; i < 1000; i++) {
      const at = 5e9 + (i * BLOCK * SECOND) / RATE / speed
      clock.block(SampleIndex(i * BLOCK), BLOCK, Microseconds(Math.floor(at - 4e9)), Microseconds(at + 30_000))
      if (i > 10) {
        const told = clock.timeOf(SampleIndex(i * BLOCK))!
        t.ok(Math.abs(told.at - at) <= told.uncertainty, `speed ${speed}, block ${i}: off by ${told.at - at} µs`)
      }
    }
  }
})

t.test(
  'a host that was suspended for an hour, while the device sampled on, knows it from the first blocks',
  async t => {
    const clock = createSampleClock(Hertz(RATE))
    const sampleAt = (device: number) => SampleIndex(Math.round(device / (SECOND / RATE)))
    const send = (device: number, host: number) =>
      clock.block(
        sampleAt(device),
        BLOCK,
        Microseconds(device),
        Microseconds(host + ((BLOCK - 1) * SECOND) / RATE + 3_000),
      )
    for (let at = 0; at < 8 * 60_000; at += 60_000)
      clock.exchange(
        { t0: Microseconds(at), t1: Microseconds(at + 1_000), t2: Microseconds(at + 1_000) },
        Microseconds(at + 2_000),
      )
    let device = SECOND
    for (; device < 60 * SECOND; device += 28_000) send(device, device)
    device += HOUR
    const fits = Array.from({ length: 10 }, () => {
      device += 28_000
      return send(device, device - HOUR)
    })
    t.ok(fits.includes(false), 'exchanges are asked for')
    for (const back of [0, 5 * SECOND]) {
      const told = clock.timeOf(sampleAt(device - back))!
      t.ok(
        Math.abs(told.at - (device - back - HOUR)) <= told.uncertainty && told.uncertainty < 100_000,
        `${(told.at - (device - back - HOUR)) / 1000} ms off, ${told.uncertainty / 1000} stated, ${back / SECOND} s ago`,
      )
    }
  },
)

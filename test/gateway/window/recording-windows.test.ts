import { readFileSync } from 'node:fs'
import t from 'tap'
import { INDEPENDENT_LEADS, STANDARD_LEADS } from '../../../ecg/leads.js'
import { Hertz, Microseconds, Millis, Millivolts, SampleIndex, Seconds } from '../../../ecg/units.js'
import { MISSING_COUNT, type RecordedChannel, type Recording } from '../../../firmware-bridge/recording/recording.js'
import type { EcgWindow } from '../../../gateway/window/ecg-window.js'
import { recordingWindows } from '../../../gateway/window/recording-windows.js'
import { WindowAssembler } from '../../../gateway/window/window-assembler.js'
import { type QualityModel, QualityModelSchema } from '../../../models/bundle/quality-model.js'
import { bundleInput } from './bundle-input.js'

const qualityModel = QualityModelSchema.parse(
  JSON.parse(readFileSync('test/gateway/window/vectors/quality-model.json', 'utf8')),
)

const wave = (index: number, channel: number): number => Math.round(900 * Math.sin(index * (0.01 + channel / 800)))

function recording(samples: number, over: Partial<Recording> = {}): Recording {
  const channels = INDEPENDENT_LEADS.map(
    (name, c): RecordedChannel => ({
      name,
      lsb: Millivolts(0.001),
      baseline: 0,
      counts: Int32Array.from({ length: samples }, (_, s) => wave(s, c)),
    }),
  )
  return { name: 'r', rate: Hertz(500), samples, channels, ...over }
}

const windows = (record: Recording, hop = 5) => [...recordingWindows(record, bundleInput(), Seconds(hop))]
const identical = (a: Float32Array, b: Float32Array) => a.length === b.length && a.every((v, i) => Object.is(v, b[i]))

t.test('gives, bit for bit, what streaming the same samples gives', async t => {
  const offline = windows(recording(26 * 500))
  const source = { rate: Hertz(500), channels: recording(0).channels, input: bundleInput() }
  const assembler = new WindowAssembler({ ...source, boot: 0, hop: Seconds(5), patience: Millis(900) })
  const streamed: EcgWindow[] = []
  for (let first = 0; first + 7 <= 26 * 500; first += 7) {
    const values = Int32Array.from({ length: 7 * 8 }, (_, i) => wave(first + Math.floor(i / 8), i % 8))
    const arrived = Microseconds(first * 2000)
    const flags = { electrodesOff: 0, saturated: false, retransmission: false }
    streamed.push(...assembler.push({ first: SampleIndex(first), count: 7, channels: 8, values, arrived, ...flags }))
  }
  t.equal(offline.length, 4)
  t.equal(streamed.length, 4)
  offline.forEach((window, i) => {
    t.ok(identical(window.signal, streamed[i]!.signal), `window ${i}`)
    t.equal(window.firstSample, streamed[i]!.firstSample)
    t.equal(window.quality, 'good')
  })
})

t.test('the last windows of a record are given although samples are missing in them', async t => {
  const whole = recording(20 * 500)
  const missing = (counts: Int32Array) => counts.map((count, s) => (s >= 8500 && s < 8600 ? MISSING_COUNT : count))
  const gap = { ...whole, channels: whole.channels.map(it => ({ ...it, counts: missing(it.counts) })) }
  const seen = windows(gap).map(({ index, missing }) => [index, missing])
  t.same(seen, [
    [0, 0],
    [1, 0],
    [2, 100],
  ])
})

t.test('an 8-lead stream and the 12-lead record of it give the same numbers', async t => {
  const eight = recording(5000)
  const byName = new Map(eight.channels.map(channel => [channel.name, channel]))
  const rounded = Int32Array.from({ length: 5000 }, (_, s) => wave(s, 0) >> 3) // whatever a 12-lead record holds there
  const twelve = STANDARD_LEADS.map(name => byName.get(name) ?? { ...eight.channels[0]!, name, counts: rounded })
  t.ok(identical(windows(eight)[0]!.signal, windows({ ...eight, channels: twelve })[0]!.signal))
})

t.test('every channel has its own scale and zero', async t => {
  const plain = recording(5000)
  const scaled = plain.channels.map((channel, c) => ({
    ...channel,
    lsb: Millivolts(0.001 / 2 ** c),
    baseline: -1000 * c,
    counts: channel.counts.map(count => count * 2 ** c - 1000 * c),
  }))
  t.ok(identical(windows({ ...plain, channels: scaled })[0]!.signal, windows(plain)[0]!.signal))
})

t.test('a quality model scores leads and window, and degrades it without taking leads from most of it', async t => {
  const [plain] = windows(recording(5000))
  const judged = (change: (model: QualityModel) => QualityModel) =>
    [...recordingWindows(recording(5000), bundleInput(), Seconds(5), change(qualityModel))][0]!
  const calm = judged(model => ({ ...model, weights: model.weights.map(() => 0), bias: -9 }))
  t.equal(calm.quality, 'good')
  t.ok(calm.qualityScore > 0.99 && calm.qualityScore < 1)
  t.same(Object.keys(calm.leadScores), STANDARD_LEADS)
  const doubted = judged(model => ({ ...model, weights: model.weights.map(() => 0), bias: 9 }))
  t.equal(doubted.quality, 'degraded')
  t.match(doubted.reasons, [/^The signal is disturbed, most of all I\.$/])
  t.same(doubted.leadsUnreadable, [], 'what disturbs all leads may be the heart')
  t.ok(identical(doubted.signal, plain!.signal))
})

t.test('a lead that alone is unreadable is not given to the network', async t => {
  const plain = recording(5000)
  const channels = plain.channels.map(it =>
    it.name === 'V3' ? { ...it, counts: it.counts.map((value, s) => value + (s % 20 < 10 ? 2000 : -2000)) } : it,
  )
  const step = qualityModel.features.names.indexOf('step_high')
  const weights = qualityModel.weights.map((_, k) => (k === step ? 20 : 0))
  const model = { ...qualityModel, weights, bias: -10, mean: weights.map(() => -0.5), deviation: weights.map(() => 1) }
  const [window] = recordingWindows({ ...plain, channels }, bundleInput(), Seconds(5), model)
  t.same(window!.leadsUnreadable, ['V3'])
  t.match(window, { quality: 'degraded', leadsFaulty: [] })
  t.match(window!.reasons, [/^Channel V3 is unreadable: V3 cannot be used\.$/, /most of all V3/])
  t.ok(window!.signal.subarray(8000, 9000).every(value => value === 0))
  t.ok(window!.signal.subarray(7000, 8000).some(value => value !== 0))
})

t.test('a record shorter than a window gives one, incomplete', async t => {
  const [short, ...more] = windows(recording(3000))
  t.same(more, [])
  t.match(short, { index: 0, missing: 2000, samples: 5000, quality: 'uninterpretable', completed: 6e6 })
  t.equal(windows(recording(1)).length, 1)
  t.equal(windows(recording(7499)).length, 1, 'what is left over gives none')
})

t.test('samples that a file has not are missing: all channels of them, or one', async t => {
  const all = recording(5000)
  for (const { counts } of all.channels) counts.fill(MISSING_COUNT, 100, 150)
  t.match(windows(all)[0], { quality: 'degraded', missing: 50 })
  const one = recording(5000)
  one.channels[2]!.counts.fill(MISSING_COUNT, 100, 150)
  t.match(windows(one)[0], { quality: 'degraded', missing: 0, reasons: ['Channel V1 lacks 50 of 5000 samples.'] })
  one.channels[2]!.counts.fill(MISSING_COUNT)
  const [window] = windows(one)
  t.match(window, { quality: 'degraded', reasons: ['Channel V1 has too few samples: V1 cannot be used.'] })
  t.ok(window!.signal.subarray(6000, 7000).every(v => v === 0))
})

t.test('a channel that is unfit takes the leads that are made of it', async t => {
  const record = recording(5000)
  record.channels[0]!.counts.fill(-32_000)
  const [window] = windows(record)
  t.match(window, { quality: 'degraded', reasons: ['Channel I is flat: I, III, aVR, aVL, aVF cannot be used.'] })
  const zero = STANDARD_LEADS.filter((_, row) =>
    window!.signal.subarray(row * 1000, row * 1000 + 1000).every(v => v === 0),
  )
  t.same(zero, ['I', 'III', 'aVR', 'aVL', 'aVF'])
  t.equal(window!.qualityScore, 7 / 12)
})

t.test('any rate that the bundle has a filter for', async t => {
  for (const rate of [100, 128, 250, 360, 500]) {
    const [window] = windows(recording(rate * 10, { rate: Hertz(rate) }))
    t.match(window, { rate, samples: rate * 10, missing: 0 })
    t.equal(window!.signal.length, 12_000)
  }
})

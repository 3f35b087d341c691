import { readFileSync } from 'node:fs'
import t from 'tap'
import { leadFeatures } from '../../../gateway/window/lead-features.js'
import { readability, unreadable } from '../../../gateway/window/readability.js'
import { type QualityModel, QualityModelSchema } from '../../../models/bundle/quality-model.js'

const read = (name: string) => JSON.parse(readFileSync(`test/gateway/window/vectors/${name}`, 'utf8'))
/** From quantize/ecgclip/quality/features.py and fit.py; quantize/tests/test_quality.py holds them to this file. */
const expected: { features: number[][]; alone: (number | null)[]; leadLogits: number[]; windowLogit: number } =
  read('quality.json')
const model: QualityModel = QualityModelSchema.parse(read('quality-model.json'))

const GAINS = [1, 1, 0, -2, 0]
const NOISES = [20, 200, 3000, 20, 3]
const WANDERS = [0, 1, 2, 9, 0]

/** The window of test_quality.py, by integer arithmetic. */
function window(): Float32Array[] {
  let state = 1
  return GAINS.map((gain, lead) =>
    Float32Array.from({ length: 1000 }, (_, i) => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
      const beat = Math.max(0, 900 - 300 * Math.abs((i % 83) - 40))
      return (gain * beat + ((state >> 16) % NOISES[lead]!) + WANDERS[lead]! * (i % 250)) / 1000
    }),
  )
}

t.test('features are those of the training', async t => {
  const close = (found: Float64Array, wanted: readonly (number | null)[]) =>
    found.every((value, k) => (wanted[k] === null ? Number.isNaN(value) : Math.abs(value - wanted[k]!) < 1e-7))
  for (const [lead, found] of leadFeatures(window()).entries())
    t.ok(close(found, expected.features[lead]!), `lead ${lead}`)
  t.ok(close(leadFeatures(window().slice(0, 1))[0]!, expected.alone), 'a single lead')
})

t.test('scores are those of the training', async t => {
  const found = readability(model, window())
  const score = (logit: number) => 1 / (1 + Math.exp(logit))
  for (const [lead, it] of found.channels.entries())
    t.ok(Math.abs(it - score(expected.leadLogits[lead]!)) < 1e-9, `lead ${lead}`)
  t.ok(Math.abs(found.window - score(expected.windowLogit)) < 1e-9)
})

t.test('a lead is taken away only where most others can be read', async t => {
  const low = model.thresholds.lead.value / 2
  t.same(unreadable(model, { window: 0, channels: [low, 1, 1] }), [true, false, false])
  t.same(unreadable(model, { window: 0, channels: [low, low, 1, 1] }), [false, false, false, false])
  t.same(unreadable(model, { window: 0, channels: [low] }), [false], 'never the only one')
})

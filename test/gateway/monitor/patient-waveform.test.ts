import t from 'tap'
import { STANDARD_LEADS } from '../../../ecg/leads.js'
import { Hertz, Microseconds, Millivolts, SampleIndex } from '../../../ecg/units.js'
import type { SampleBlock } from '../../../firmware-bridge/device-stream.js'
import { MISSING_COUNT } from '../../../firmware-bridge/recording/recording.js'
import { PatientWaveform } from '../../../gateway/monitor/patient-waveform.js'

const V1_OFF = 1 << 4
const RA_OFF = 1 << 0

function block(first: number, samples: readonly (readonly number[])[], electrodesOff = 0): SampleBlock {
  return {
    first: SampleIndex(first),
    count: samples.length,
    channels: samples[0]!.length,
    values: Int32Array.from(samples.flat()),
    electrodesOff,
    saturated: false,
    retransmission: false,
    arrived: Microseconds(0),
  }
}

const waveform = (channels: readonly string[]) =>
  new PatientWaveform({ rate: Hertz(10), channels, lsb: Millivolts(0.001) })
const at = ({ ring }: PatientWaveform, lead: (typeof STANDARD_LEADS)[number], index: number) =>
  Math.round(1000 * ring.at(STANDARD_LEADS.indexOf(lead), index)) / 1000

t.test('limb leads follow from I and II; what does not follow is absent', async t => {
  const w = waveform(['I', 'II', 'V1'])
  w.write(block(0, [[1000, 1400, -300]]))
  t.same(w.leads, ['I', 'II', 'III', 'aVR', 'aVL', 'aVF', 'V1'])
  t.same(
    w.leads.map(lead => at(w, lead, 0)),
    [1, 1.4, 0.4, -1.2, 0.3, 0.9, -0.3],
  )
  t.ok(Number.isNaN(at(w, 'V2', 0)))
})

t.test('a gap stays a gap until it is filled, and what fills it is told', async t => {
  const w = waveform(['II'])
  w.write(block(0, [[1], [2]]))
  w.write(block(4, [[5], [6]]))
  t.same(
    [0, 1, 2, 3, 4, 5].map(index => at(w, 'II', index)),
    [0.001, 0.002, Number.NaN, Number.NaN, 0.005, 0.006],
  )
  t.same(w.takePatches(), [])
  w.write(block(2, [[3], [4]]))
  t.equal(at(w, 'II', 3), 0.004)
  t.same(w.takePatches(), [{ first: 2, end: 4 }])
  t.same(w.takePatches(), [])
})

t.test('many small patches become one, so that they stay few', async t => {
  const w = waveform(['II'])
  w.write(block(0, [[1]]))
  w.write(block(100, [[1]]))
  for (let index = 20; index < 60; index += 2) w.write(block(index, [[1]]))
  const patches = w.takePatches()
  t.ok(patches.length <= 16)
  t.equal(Math.min(...patches.map(({ first }) => first)), 20)
  t.equal(Math.max(...patches.map(({ end }) => end)), 59)
})

t.test('while an electrode is off its leads show nothing', async t => {
  const w = waveform(['I', 'II', 'V1'])
  w.write(block(0, [[1, 2, 3]], V1_OFF))
  w.write(block(1, [[1, 2, 3]], RA_OFF))
  w.write(block(2, [[1, MISSING_COUNT, 3]]))
  t.same(
    [0, 1, 2].map(index => [at(w, 'I', index), at(w, 'V1', index)]),
    [
      [0.001, Number.NaN],
      [Number.NaN, Number.NaN],
      [0.001, 0.003],
    ],
  )
  t.ok(Number.isNaN(at(w, 'III', 2)), 'a lead is missing when one that it follows from is')
})

import t from 'tap'
import { STANDARD_LEADS } from '../../../ecg/leads.js'
import { channelFacts, judge, type WindowFacts } from '../../../gateway/window/quality.js'

const RATE = 500
/** A beat a second: 1 mV of QRS over 80 ms, and 20 µV of noise on 5-µV steps. */
const ecg = Float32Array.from({ length: 10 * RATE }, (_, i) => {
  const phase = (i % RATE) / RATE
  const qrs = Math.exp(-(((phase - 0.3) / 0.02) ** 2))
  return Math.round((qrs + 0.01 * Math.sin(i * i)) / 0.005) * 0.005
})
const changed = (change: (value: number, i: number) => number): Float32Array => ecg.map(change)

t.test('finds what makes a channel unfit', async t => {
  const cases: [string, Float32Array, string | undefined][] = [
    ['clean', ecg, undefined],
    ['clean on a large offset', changed(v => v + 300), undefined],
    ['without noise', changed(v => (v > 0.1 ? v : 0)), undefined],
    ['low voltage', changed(v => v / 4), undefined],
    ['giant QRS', changed(v => v * 6), undefined],
    ['3 mV of wander', changed((v, i) => v + 3 * Math.sin(i / 800)), undefined],
    ['paced, 20 mV for 2 ms a second', changed((v, i) => (i % RATE === 100 ? 20 : v)), undefined],
    ['a pause without noise', changed((v, i) => (i > 1000 && i < 1900 ? 0 : v)), undefined],
    ['zero', changed(() => 0), 'is flat'],
    ['the last bit of an open input', changed((_, i) => (i % 3) * 0.005), 'is flat'],
    ['flat at the rail', changed(() => -80), 'is flat'],
    ['overdriven and clipped', changed(v => Math.min(v * 12, 2)), 'is saturated'],
    ['at the rail for a second', changed((v, i) => (i < 500 ? 80 : v)), 'is saturated'],
    ['stuck at mid-scale', changed((v, i) => (i > 1000 && i < 2200 ? 0.3 : v)), 'stands still for 2.4 s'],
    [
      'thrown about',
      changed((v, i) => v + (i > 4000 ? 15 * Math.sin(i / 9) : 0)),
      'is more than 10 mV off for 11 % of the window',
    ],
    ['a hole of 2.2 s', changed((v, i) => (i < 1100 ? Number.NaN : v)), 'has too few samples'],
    ['every fourth sample gone', changed((v, i) => (i % 4 === 0 ? Number.NaN : v)), 'has too few samples'],
    ['nothing', changed(() => Number.NaN), 'has too few samples'],
  ]
  for (const [name, x, fault] of cases) t.equal(channelFacts(x, RATE).fault, fault, name)
  t.equal(
    channelFacts(
      changed((v, i) => (i % 10 === 0 ? Number.NaN : v)),
      RATE,
    ).missing,
    500,
  )
})

const perfect: WindowFacts = {
  samples: 5000,
  rate: RATE,
  missing: 0,
  longestGap: 0,
  saturated: 0,
  electrodesOff: 0,
  leads: 12,
  usable: 12,
  minimumLeads: 1,
  leadsOff: [],
  leadsAbsent: [],
  readability: 1,
  faults: [],
}

t.test('good, degraded or uninterpretable, and why', async t => {
  const cases: [Partial<WindowFacts>, string, number, RegExp[]][] = [
    [{}, 'good', 1, []],
    [{ missing: 1, longestGap: 1 }, 'degraded', 1 - 1 / 5000, [/^1 of 5000 samples are missing\.$/]],
    [{ missing: 1000, longestGap: 10 }, 'degraded', 0.8, [/^1000 of 5000/]],
    [{ missing: 1001, longestGap: 10 }, 'uninterpretable', 0, [/^1001 of 5000/]],
    [{ missing: 1000, longestGap: 1000 }, 'degraded', 0.8, [/^1000 of 5000/]],
    [{ missing: 1001, longestGap: 1001 }, 'uninterpretable', 0, [/^1001 of 5000/, /^There is a gap of 2\.0 s/]],
    [{ leadsOff: ['V3'], usable: 11 }, 'degraded', 11 / 12, [/^Electrodes are off: V3/]],
    [
      { leadsOff: STANDARD_LEADS, usable: 0 },
      'uninterpretable',
      0,
      [/^0 of 12 leads can be used/, /^Electrodes are off: I, II/],
    ],
    [{ leadsAbsent: ['V6'], usable: 11 }, 'degraded', 11 / 12, [/^The device does not give V6/]],
    [{ faults: ['Channel V1 is flat.'], usable: 11 }, 'degraded', 11 / 12, [/^Channel V1 is flat\.$/]],
    [{ readability: 0.3, faults: ['The signal is disturbed.'] }, 'degraded', 0.3, [/^The signal is disturbed\.$/]],
    [{ usable: 7, minimumLeads: 8, faults: ['x'] }, 'uninterpretable', 0, [/^7 of 12 leads .* needs 8/, /x/]],
    [{ saturated: 10 }, 'degraded', 1 - 10 / 5000, [/saturated for 1 % of the window/]],
    [{ saturated: 2501 }, 'uninterpretable', 0, [/saturated for 50 % of the window/]],
  ]
  for (const [facts, quality, score, reasons] of cases) {
    const verdict = judge({ ...perfect, ...facts })
    t.match(verdict, { quality, reasons }, JSON.stringify(facts))
    t.ok(Math.abs(verdict.score - score) < 1e-12)
    t.equal(verdict.reasons.length, reasons.length)
  }
})

t.test('no usable lead at all is never interpretable', async t => {
  t.equal(judge({ ...perfect, usable: 0, faults: ['x'] }).quality, 'uninterpretable')
})

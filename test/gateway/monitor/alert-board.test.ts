import t from 'tap'
import { Hertz, Microseconds, Millivolts, SampleIndex, UnixMillis } from '../../../ecg/units.js'
import type { AlertTransition } from '../../../gateway/alerts/alert.js'
import type { AssessedWindow } from '../../../gateway/alerts/assessed-window.js'
import { createAlertBoard, MOST_WINDOW_BYTES } from '../../../gateway/monitor/alert-board.js'
import { PatientWaveform } from '../../../gateway/monitor/patient-waveform.js'

const MODEL = { bundle: 'b', version: '1.0.0', sha256: '00', provider: 'cpu', precision: 'int8', variant: 'v' } as const

function alert(id: string, change: Partial<AlertTransition> = {}): AlertTransition {
  return {
    device: 'patch-1',
    id,
    phase: 'start',
    state: 'active',
    priority: 'PN',
    type: 'SA',
    condition: { key: 'AFIB', display: 'Atrial fibrillation', group: 'diagnosis', codes: [] },
    evidence: { probability: 0.9, threshold: 0.5, windows: 3, model: MODEL },
    signal: null,
    raised: UnixMillis(0),
    changed: UnixMillis(0),
    delayMs: 0,
    acknowledged: null,
    uncertaintyMs: 8,
    latencyMs: 10,
    ...change,
  }
}

/** A window of `samples`, whose sample n is n µV in lead II, but for the tenth, which never came. */
function seen(samples = 20, rate = 2) {
  const waveform = new PatientWaveform({ rate: Hertz(rate), channels: ['II'], lsb: Millivolts(0.001) })
  const values = Int32Array.from({ length: samples }, (_, i) => i)
  const block = { channels: 1, electrodesOff: 0, saturated: false, retransmission: false, arrived: Microseconds(0) }
  waveform.write({ ...block, first: SampleIndex(0), count: 10, values })
  waveform.write({ ...block, first: SampleIndex(11), count: samples - 11, values: values.subarray(11) })
  const assessed = {
    window: { firstSample: SampleIndex(0), samples, rate, missing: 1, leadsOff: [], leadsAbsent: [], reasons: [] },
    start: UnixMillis(1000),
    uncertaintyMs: 8,
  } as unknown as AssessedWindow
  return { assessed, waveform }
}

t.test('the window behind an alert is that of its start, gaps left as gaps', async t => {
  const board = createAlertBoard()
  t.ok(board.add(alert('A'), seen()).window)
  board.add(alert('A', { phase: 'end', state: 'inactive', evidence: { detail: 'later' } }), seen(30))
  const evidence = board.evidence('A')!
  t.equal(evidence.window.samples, 20)
  t.match(evidence.alert.evidence, { probability: 0.9 })
  t.same(
    evidence.signal.II,
    Array.from({ length: 20 }, (_, i) => (i === 10 ? null : i)),
  )
})

t.test('an alert without a window says so', async t => {
  const board = createAlertBoard()
  t.notOk(board.add(alert('A'), null).window)
  t.notOk(board.add(alert('B', { type: 'ST' }), seen()).window, 'a technical alert is about no window')
  t.equal(board.evidence('A'), undefined)
  t.equal(board.evidence('nonsense'), undefined)
})

t.test('alerts that ended are forgotten after a hundred others, those that are open never', async t => {
  const board = createAlertBoard()
  board.add(alert('open'), null)
  for (let i = 0; i < 150; i++) board.add(alert(`ended-${i}`, { phase: 'end', state: 'inactive' }), null)
  const ids = [...board.alerts].map(({ id }) => id)
  t.equal(ids.length, 101)
  t.ok(ids.includes('open'))
  t.notOk(ids.includes('ended-49'))
})

t.test('windows keep within their bytes; the oldest go first', async t => {
  const board = createAlertBoard()
  const samples = 100_000
  const fit = Math.floor(MOST_WINDOW_BYTES / (4 * samples))
  for (let i = 0; i < fit + 2; i++) board.add(alert(`alert-${i}`), seen(samples, 10_000))
  t.equal(board.evidence('alert-1'), undefined)
  t.ok(board.evidence('alert-2'))
  t.same(
    [...board.alerts].filter(({ window }) => !window).map(({ id }) => id),
    ['alert-0', 'alert-1'],
  )
})

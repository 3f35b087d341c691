import t from 'tap'
import { LiveState } from '../../../../gateway/monitor/page/live-state.js'

t.test('a page that is open for months keeps no ECG of devices that are gone', async t => {
  const state = new LiveState()
  const patches = 500
  const before = process.memoryUsage().arrayBuffers
  for (let number = 0; number < patches; number++) {
    const device = `patch-${number}`
    state.apply({ kind: 'patient', patient: number, device, boot: 1, rate: 500, leads: ['II'], wallLead: 'II' })
    state.apply({ kind: 'gone', device })
  }
  const each = state.patients.size === 0 ? 12 * 26 * 500 * Float32Array.BYTES_PER_ELEMENT : Number.NaN
  const kept = process.memoryUsage().arrayBuffers - before
  t.ok(kept < (patches / 2) * each, `${Math.round(kept / each)} of ${patches} are kept`)
})

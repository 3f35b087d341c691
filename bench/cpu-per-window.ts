import { parseArgs } from 'node:util'
import { loadBundle } from '../models/bundle/load-bundle.js'
import { SHIPPED_BUNDLE } from '../models/shipped-assets.js'
import { measureEndToEnd } from './end-to-end.js'
import { benchInference } from './inference.js'

/**
 * Processor time of the whole gateway for a window, from pseudo-terminals at 500 Hz to PUBACKs, over that of the bare model in a
 * loop, which is measured before and after it.
 *
 *     node dist/bench/cpu-per-window.js [--bundle DIR] [--trust DIR] [--variant int8] [--patients 1,8,32] [--hop 5] [--seconds 60] [--json]
 */

const { values } = parseArgs({
  options: {
    bundle: { type: 'string', default: SHIPPED_BUNDLE },
    trust: { type: 'string' },
    variant: { type: 'string', default: 'int8' },
    patients: { type: 'string', default: '1,8,32' },
    hop: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '60' },
    json: { type: 'boolean', default: false },
  },
})
const { bundle: folder, trust, variant } = values
const bundle = await loadBundle(folder, trust === undefined ? [] : [trust])
const options = { seconds: Number(values.seconds), bundle: folder, trust, variant, hopSeconds: Number(values.hop) }

const rows = []
let before = await bareMs()
for await (const { patients, cpuMsPerWindow, rssMiB } of measureEndToEnd(
  values.patients.split(',').map(Number),
  options,
)) {
  const after = await bareMs()
  const bareCpuMs = (before + after) / 2
  before = after
  rows.push({ patients, gatewayCpuMs: cpuMsPerWindow, bareCpuMs, ratio: cpuMsPerWindow / bareCpuMs, rssMiB })
}
if (values.json) console.log(JSON.stringify(rows))
else console.table(rows)

async function bareMs(): Promise<number> {
  const [row] = await benchInference(bundle, { variant, windows: 200, threads: [1], inFlight: 1 })
  return row!.bare.cpu
}

import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { loadBundle } from '../models/bundle/load-bundle.js'
import { SHIPPED_BUNDLE } from '../models/shipped-assets.js'
import { soak } from './soak-device.js'
import { SCENARIOS } from './soak-scenarios.js'

/**
 * Hours of a device on a bad line, in simulated time and through the real layers: device session → frames → line → framer →
 * host session → windows. Each row is one scenario; the exit code is 3 when an account or a time does not hold.
 *
 *     node dist/bench/soak.js [--hours 1] [--scenario NAME] [--json]
 */

const CHECK_FAILED = 3
const MIB = 2 ** 20
/** What may be in memory at the last look and was not at the first. */
const MOST_GROWTH_MIB = 4

const { values } = parseArgs({
  options: {
    hours: { type: 'string', default: '1' },
    scenario: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const { manifest } = await loadBundle(SHIPPED_BUNDLE, [])
const rows = Object.entries(SCENARIOS)
  .filter(([name]) => values.scenario === undefined || values.scenario === name)
  .map(([name, scenario]) => {
    const began = performance.now()
    const heap: number[] = []
    const result = soak(scenario, manifest.input, Number(values.hours), () => {
      collectGarbage()
      heap.push(process.memoryUsage().heapUsed / MIB)
    })
    const grownMiB = heap.at(-1)! - heap[0]!
    const faults = [
      ...result.faults,
      ...(grownMiB > MOST_GROWTH_MIB ? [`memory grew by ${grownMiB.toFixed(1)} MiB`] : []),
    ]
    const { hours, taken, delivered, missing, windows, within, worstMs, boots, reopens } = result
    const seconds = (performance.now() - began) / 1000
    return {
      name,
      hours,
      seconds,
      boots,
      reopens,
      taken,
      delivered,
      missing,
      windows,
      within,
      worstMs,
      grownMiB,
      faults,
    }
  })

if (values.json) console.log(JSON.stringify(rows))
else {
  console.table(
    rows.map(({ faults, seconds, within, worstMs, grownMiB, ...row }) => ({
      ...row,
      'real s': seconds.toFixed(1),
      'times within': `${(100 * within).toFixed(2)} %`,
      'worst ms': worstMs.toFixed(2),
      'heap +MiB': grownMiB.toFixed(2),
      verdict: faults.length === 0 ? 'holds' : 'FAILED',
    })),
  )
  for (const { name, faults } of rows) for (const fault of faults) console.error(`${name}: ${fault}`)
}
if (rows.some(({ faults }) => faults.length > 0)) process.exitCode = CHECK_FAILED

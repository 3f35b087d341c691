import { parseArgs } from 'node:util'
import { type Fuzzed, fuzzDriver } from './fuzz-driver.js'
import { fuzzEcgLink } from './fuzz-ecg-link.js'
import { processHoldings } from './process-holdings.js'
import { vendorStreams } from './vendor-streams.js'

/**
 * Feeds mutated bytes to every driver, with its session, in simulated time, and prints what came of it; the exit code is 3 where
 * anything threw, nothing was understood any more, or memory grew.
 *
 *     node dist/bench/fuzz-drivers.js [--bytes 10000000] [--seed 1]
 */

const CHECK_FAILED = 3
const MOST_GROWTH_MIB = 2
/** Before the measurement: code is compiled, and its memory taken. */
const WARM_UP_BYTES = 500_000

const { values } = parseArgs({
  options: { bytes: { type: 'string', default: '10000000' }, seed: { type: 'string', default: '1' } },
})
const bytes = Number(values.bytes)
const seed = Number(values.seed)

type Fuzz = (mostBytes: number, seed: number) => Fuzzed
const drivers: readonly (readonly [string, Fuzz])[] = [
  ['ecg-link', fuzzEcgLink],
  ...vendorStreams().map(stream => [stream.name, (most, from) => fuzzDriver(stream, most, from)] as [string, Fuzz]),
]

const rows = drivers.map(([driver, fuzz]) => {
  fuzz(WARM_UP_BYTES, 0)
  const before = processHoldings().heapMiB
  const result = fuzz(bytes, seed)
  const grownMiB = processHoldings().heapMiB - before
  for (const exception of result.exceptions.slice(0, 3)) console.error(driver, exception)
  const failed = result.exceptions.length > 0 || grownMiB > MOST_GROWTH_MIB || result.samples === 0
  if (failed) process.exitCode = CHECK_FAILED
  const { counters, exceptions, ...rest } = result
  return {
    driver,
    ...rest,
    'bad frames': counters.badFrames,
    exceptions: exceptions.length,
    'heap +MiB': grownMiB.toFixed(2),
    verdict: failed ? 'FAILED' : 'holds',
  }
})
console.table(rows)

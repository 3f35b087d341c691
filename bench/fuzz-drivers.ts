import { parseArgs } from 'node:util'
import { fuzzDriver } from './fuzz-driver.js'
import { vendorStreams } from './vendor-streams.js'

/**
 * Feeds mutated bytes to every vendor driver, with its session, in simulated time, and prints what came of it:
 * `node --expose-gc dist/bench/fuzz-drivers.js [--bytes 10000000] [--seed 1]`. Ends with 1 where anything threw.
 */
const { values } = parseArgs({
  options: { bytes: { type: 'string', default: '10000000' }, seed: { type: 'string', default: '1' } },
})

let failed = false
console.log('driver      bytes       samples     bad frames  exceptions  heap growth  MB/s')
for (const stream of vendorStreams()) {
  fuzzDriver(stream, 100_000, 0) // compiled, and its memory taken, before the measurement
  const before = heapUsed()
  const begun = process.hrtime.bigint()
  const { bytes, samples, counters, exceptions } = fuzzDriver(stream, Number(values.bytes), Number(values.seed))
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9
  const growth = heapUsed() - before
  const cells = [bytes, samples, counters.badFrames, exceptions.length, `${(growth / 1024).toFixed(0)} KiB`]
  const rate = (bytes / 1e6 / seconds).toFixed(1)
  console.log(stream.name.padEnd(12) + cells.map(cell => String(cell).padEnd(12)).join('') + rate)
  for (const exception of exceptions.slice(0, 3)) console.log(exception)
  failed ||= exceptions.length > 0
}
process.exitCode = failed ? 1 : 0

function heapUsed(): number {
  if (!globalThis.gc) console.error('without --expose-gc the heap growth says little')
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

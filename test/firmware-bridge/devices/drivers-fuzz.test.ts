import t from 'tap'
import { fuzzDriver } from '../../../bench/fuzz-driver.js'
import { fuzzEcgLink } from '../../../bench/fuzz-ecg-link.js'
import { vendorStreams } from '../../../bench/vendor-streams.js'

/** For each driver; bench/fuzz-drivers.ts does fifty times as much. */
const BYTES = 200_000

t.test('mutated bytes throw nothing out of any driver, and its blocks keep their promises', async t => {
  for (const stream of vendorStreams()) {
    const { bytes, samples, counters, exceptions } = fuzzDriver(stream, BYTES, 7)
    t.ok(bytes >= BYTES)
    t.same(exceptions, [], stream.name)
    t.ok(samples > 1000, `${stream.name}: the driver found its way back, and ${samples} samples`)
    t.ok(counters.badFrames > 10)
  }
})

t.test('so do mutated bytes of ECG Link, and packets whose CRC is right and whose content is not', async t => {
  const { samples, counters, exceptions } = fuzzEcgLink(BYTES, 7)
  t.same(exceptions, [])
  t.ok(samples > 1000, `${samples} samples`)
  t.ok(counters.badFrames > 10)
})

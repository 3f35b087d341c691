import type { Hertz, Microseconds } from '../../ecg/units.js'

/** Samples are counted over this, µs: long enough that one late read does not matter. */
const PERIOD = 10_000_000
/** Further off than any oscillator. */
const TOLERANCE = 0.05
/** After so long without samples counting begins anew, µs: a silence is told as a state. */
const PAUSE = 1_000_000

/** Compares the samples that arrive with the nominal rate; answers a sentence where they contradict each other twice in a row. */
export function createRateWatch(nominal: Hertz): (count: number, arrived: Microseconds) => string | undefined {
  let since: number | undefined
  let last = 0
  let samples = 0
  let contradicted = false
  let sentence: string | undefined

  function judge(elapsed: number) {
    const seen = (samples * 1e6) / elapsed
    const wrong = Math.abs(seen / nominal - 1) > TOLERANCE
    const cause =
      seen > nominal ? 'the sampling rate is not what was configured' : 'samples are being lost, or the rate is wrong'
    if (!wrong) sentence = undefined
    else if (contradicted) sentence = `${Math.round(seen)} samples/s arrive instead of ${nominal}: ${cause}`
    contradicted = wrong
  }

  return (count, arrived) => {
    if (since === undefined || arrived - last > PAUSE) {
      since = arrived
      samples = -count // they were taken before `since`
    }
    last = arrived
    samples += count
    if (arrived - since >= PERIOD) {
      judge(arrived - since)
      since = arrived
      samples = 0
    }
    return sentence
  }
}

import t from 'tap'
import { Millis, UnixMillis } from '../../../ecg/units.js'
import { createClockWatch } from '../../../gateway/service/clock-watch.js'
import { recordedLog } from '../mqtt/messaging-rig.js'

const HOUR_S = 3600

/** A host whose clocks the test moves, in seconds. */
function host() {
  let monotonic = 5000
  let offset = 1_800_000_000
  const log = recordedLog()
  const clock = { monotonic: () => Millis(1000 * monotonic), utc: () => UnixMillis(1000 * (monotonic + offset)) }
  const watch = createClockWatch(clock, log)
  return {
    log,
    after(seconds: number, set = 0) {
      monotonic += seconds
      offset += set
      return watch()
    },
  }
}

t.test('a clock that is set back is told for a minute, and logged once', async t => {
  const { after, log } = host()
  t.equal(after(1), null)
  t.match(after(1, -HOUR_S), /set back by 3600 s/)
  t.match(after(59), /set back by 3600 s/)
  t.equal(after(1), null)
  t.equal(after(HOUR_S), null, 'the new time is the right one from now on')
  t.equal(log.lines.length, 1)
})

t.test('a clock that is set forward may also be a host that slept', async t => {
  t.match(host().after(1, HOUR_S), /set forward by 3600 s, or the host slept/)
})

t.test('a time server that steers the clock is no news', async t => {
  const { after, log } = host()
  const told = Array.from({ length: HOUR_S }, (_, second) => after(1, second % 2 ? 0.5 : -0.9))
  t.ok(told.every(sentence => sentence === null))
  t.strictSame(log.lines, [])
})

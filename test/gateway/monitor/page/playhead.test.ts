import t from 'tap'
import { Playhead } from '../../../../gateway/monitor/page/playhead.js'

const RATE = 500
const FRAME = 1000 / 60

/** Plays `seconds` of arrivals, one every `interval` ms with all samples since the last; tells where the head was at each frame. */
function play(interval: number, seconds: number, silentFrom = Number.POSITIVE_INFINITY) {
  const head = new Playhead(RATE)
  const frames: { at: number; end: number; now: number }[] = []
  let arrived = 0
  let end = 0
  for (let now = 0; now < seconds * 1000; now += FRAME) {
    while (arrived <= now && arrived < silentFrom) {
      end = Math.round((arrived * RATE) / 1000)
      head.heard(end, arrived)
      arrived += interval
    }
    const at = head.at(now)
    if (at !== undefined) frames.push({ at, end, now })
  }
  return { head, frames }
}

for (const interval of [20, 100, 1000])
  t.test(`samples that come every ${interval} ms run evenly`, async t => {
    const { frames } = play(interval, 30)
    const late = frames.filter(({ now }) => now > 15_000)
    const steps = late.slice(1).map(({ at }, i) => at - late[i]!.at)
    const usual = (RATE * FRAME) / 1000
    t.ok(Math.min(...steps) >= Math.floor(usual * 0.9), 'it never stands still')
    t.ok(Math.max(...steps) <= Math.ceil(usual * 1.1), 'it never jumps')
    t.ok(
      late.every(({ at, end }) => at <= end),
      'it never runs ahead of what has come',
    )
    const behind = Math.max(...late.map(({ at, now }) => now - (1000 * at) / RATE))
    t.ok(behind <= 260 + 1.35 * interval, `it is at most ${Math.round(behind)} ms behind`)
  })

t.test('in silence it stops at the newest sample', async t => {
  const { frames } = play(100, 20, 10_000)
  t.equal(frames.at(-1)!.at, frames.at(-1)!.end)
})

t.test('after the page was hidden it goes on at the newest', async t => {
  const { head } = play(100, 5)
  for (let now = 5000; now < 60_000; now += 100) head.heard((now * RATE) / 1000, now)
  const at = head.at(60_000)!
  t.ok(at > 59 * RATE && at < 60 * RATE, String(at))
})

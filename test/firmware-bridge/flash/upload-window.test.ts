import fc from 'fast-check'
import t from 'tap'
import { createRandom } from '../../../firmware-bridge/emulator/random.js'
import { createUploadWindow, type UploadPart, type UploadWindow } from '../../../firmware-bridge/flash/upload-window.js'

const LIMITS = { mostUnderWay: 4, room: (first: boolean) => (first ? 60 : 100), leastPart: 32 }

function nextOf(window: UploadWindow): UploadPart {
  const part = window.next()
  if (!part) throw new Error('nothing to send')
  return part
}

t.test('the first part goes alone, then each answer lets one more be under way', async t => {
  const window = createUploadWindow(10_000, LIMITS)
  const first = nextOf(window)
  t.match(first, { offset: 0, length: 60, first: true })
  t.equal(window.next(), undefined)
  window.answered(first.ticket, 60)
  const second = nextOf(window)
  t.match(second, { offset: 60, length: 100, first: false })
  t.equal(window.next(), undefined)
  window.answered(second.ticket, 160)
  t.same([nextOf(window).offset, nextOf(window).offset], [160, 260])
  t.equal(window.next(), undefined)
})

t.test('a server that has a part already is continued where it is', async t => {
  const window = createUploadWindow(10_000, LIMITS)
  window.answered(nextOf(window).ticket, 4321)
  t.equal(nextOf(window).offset, 4321)
})

t.test('a lost part shows in the answers behind it, and all from there on is sent again', async t => {
  const window = createUploadWindow(10_000, LIMITS)
  window.answered(nextOf(window).ticket, 60)
  window.answered(nextOf(window).ticket, 160)
  nextOf(window) // 160: lost
  const behind = nextOf(window)
  window.answered(behind.ticket, 160)
  t.equal(nextOf(window).offset, 160)
  t.equal(window.resent, 100)
})

t.test('a lost answer costs nothing: the next one tells', async t => {
  const window = createUploadWindow(10_000, LIMITS)
  window.answered(nextOf(window).ticket, 60)
  window.answered(nextOf(window).ticket, 160)
  nextOf(window)
  window.answered(nextOf(window).ticket, 360)
  t.equal(window.offset, 360)
  t.equal(window.resent, 0)
})

t.test('silence again and again makes the parts shorter, down to the least', async t => {
  const window = createUploadWindow(10_000, LIMITS)
  window.answered(nextOf(window).ticket, 60)
  const lengths = Array.from({ length: 6 }, () => {
    const part = nextOf(window)
    window.silent(part.ticket)
    return part.length
  })
  t.same(lengths, [100, 100, 50, 32, 32, 32])
  t.equal(window.silences, 6)
})

t.test('a server that has forgotten everything gets a first part again, and it is counted', async t => {
  const window = createUploadWindow(10_000, LIMITS)
  window.answered(nextOf(window).ticket, 60)
  window.answered(nextOf(window).ticket, 0)
  t.match(nextOf(window), { offset: 0, first: true })
  t.equal(window.restarts, 1)
})

/** Parts that are sent to a server that answers each of them with `told`, until the window gives a reason to give up. */
function sentTo(told: number): number {
  const window = createUploadWindow(10_000, LIMITS)
  window.answered(nextOf(window).ticket, 60)
  for (let parts = 1; parts < 1000; parts++) {
    window.answered(nextOf(window).ticket, told)
    if (window.restarts > 8 || window.stalls > 8) return parts
  }
  return Number.POSITIVE_INFINITY
}

t.test('a server that answers, yet gets no further, is not sent the same for ever', async t => {
  t.ok(sentTo(60) < 12, 'it stays where it is')
  t.ok(sentTo(10_001) < 12, 'it claims more than there is')
})

/** A server as Zephyr's: takes the next part, ignores any other, and tells in any case how far it is. */
function runAgainst(length: number, loss: number, seed: number) {
  const random = createRandom(seed)
  const window = createUploadWindow(length, LIMITS)
  const stored = new Uint8Array(length)
  let expected = 0
  const queue: (() => void)[] = []
  for (let steps = 0; !window.done; steps++) {
    if (steps > 200_000) return { stored, done: false }
    for (let part = window.next(); part; part = window.next()) {
      const { ticket, offset, length, first } = part
      if (random() < loss) {
        queue.push(() => window.silent(ticket))
        continue
      }
      if (first && expected > 0) {
        // resumes
      } else if (offset === expected) {
        stored.fill(1, offset, offset + length)
        expected += length
      }
      const told = expected
      queue.push(random() < loss ? () => window.silent(ticket) : () => window.answered(ticket, told))
    }
    if (random() < 0.002) window.resume()
    queue.shift()?.()
  }
  return { stored, done: true }
}

t.test('whatever is lost, every byte arrives and the window ends', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20_000 }),
      fc.double({ min: 0, max: 0.4, noNaN: true }),
      fc.integer(),
      (length, loss, seed) => {
        const { stored, done } = runAgainst(length, loss, seed)
        return done && stored.every(byte => byte === 1)
      },
    ),
    { numRuns: 200 },
  )
})

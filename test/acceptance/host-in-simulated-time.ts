import { createInterface } from 'node:readline'
import { Microseconds, Millis, Seconds } from '../../ecg/units.js'
import { noneCounted } from '../../firmware-bridge/device-stream.js'
import { encodeFrame } from '../../firmware-bridge/link/cobs.js'
import { createFramer } from '../../firmware-bridge/link/framer.js'
import { createHostSession } from '../../firmware-bridge/link/host-session.js'
import type { EcgWindow } from '../../gateway/window/ecg-window.js'
import { WindowAssembler } from '../../gateway/window/window-assembler.js'
import { loadBundle } from '../../models/bundle/load-bundle.js'
import { SHIPPED_BUNDLE } from '../../models/shipped-assets.js'

// The gateway's half of a link, up to its windows, as a program whose clock is its standard input: each line is one advance of
// the time, answered by one line. So an emulator in another language can play a day in a minute.

/** Host time, µs, and what arrives on the way there: pairs of host time and bytes in base64, in order. */
interface Advance {
  readonly until: number
  readonly arrivals: readonly (readonly [number, string])[]
}

/** How often the session looks at the time, µs, as in `createEcgLinkDevice`. */
const TICK = 20_000

const { manifest } = await loadBundle(SHIPPED_BUNDLE, [])
const counters = noneCounted()
let now = 0
let nextTick = 0
let boot = 0
let assembler: WindowAssembler | undefined
let sent: string[] = []
let windows: object[] = []

const host = createHostSession(
  {
    identified(identity) {
      note(assembler?.close() ?? [])
      boot = identity.boot
      assembler = new WindowAssembler({
        boot,
        rate: identity.rate,
        channels: identity.channels.map(name => ({ name, lsb: identity.lsb, baseline: 0 })),
        input: manifest.input,
        hop: Seconds(5),
        patience: Millis(1500),
      })
    },
    samples: block => note(assembler!.push(block)),
    state() {},
    status() {},
    event() {},
    send: packet => sent.push(Buffer.from(encodeFrame(packet)).toString('base64')),
    reopen: reason => {
      throw new Error(`nothing here is ever silent, yet: ${reason}`)
    },
  },
  counters,
)
const framer = createFramer({
  frame: packet => host.packet(packet, Microseconds(now)),
  badFrame: () => host.badFrame(),
})

function note(out: readonly EcgWindow[]) {
  for (const { index, firstSample, samples, missing } of out) {
    const time = host.timeOf(firstSample)
    windows.push({
      boot,
      index,
      first: firstSample,
      count: samples,
      missing,
      at: time?.at,
      uncertainty: time?.uncertainty,
    })
  }
}

/** Stops where the host says something, so that its device can answer in time. */
function advance({ until, arrivals }: Advance) {
  let taken = 0
  sent = []
  windows = []
  while (sent.length === 0 && now < until) {
    const [arrival, bytes] = arrivals[taken] ?? [Number.POSITIVE_INFINITY, '']
    now = Math.min(arrival, nextTick, until)
    if (arrival <= now) {
      taken++
      const received = Buffer.from(bytes, 'base64')
      counters.bytes += received.length
      framer.push(received)
    } else if (nextTick <= now) {
      nextTick += TICK
      host.tick(Microseconds(now))
      note(assembler?.due(Microseconds(now)) ?? [])
    }
  }
  return { now, taken, sent, windows, counters }
}

host.opened(Microseconds(now))
for await (const line of createInterface(process.stdin))
  process.stdout.write(`${JSON.stringify(advance(JSON.parse(line) as Advance))}\n`)

import { INDEPENDENT_LEADS } from '../ecg/leads.js'
import { Hertz, Microseconds, Millis, Seconds } from '../ecg/units.js'
import { type DeviceIdentity, noneCounted } from '../firmware-bridge/device-stream.js'
import { createDeviceSession } from '../firmware-bridge/emulator/device-session.js'
import { createRandom } from '../firmware-bridge/emulator/random.js'
import type { SampleSource } from '../firmware-bridge/emulator/sample-source.js'
import { withDefaults } from '../firmware-bridge/emulator/virtual-device.js'
import { encodeFrame } from '../firmware-bridge/link/cobs.js'
import { createFramer } from '../firmware-bridge/link/framer.js'
import { createHostSession } from '../firmware-bridge/link/host-session.js'
import type { EcgWindow } from '../gateway/window/ecg-window.js'
import { WindowAssembler } from '../gateway/window/window-assembler.js'
import type { Manifest } from '../models/bundle/manifest.js'
import { type SimulatedLine, simulatedLine } from './simulated-line.js'
import { createAccount } from './soak-account.js'
import type { Happening, Scenario } from './soak-scenarios.js'

/** Simulated time moves in such steps, µs: as often as a virtual device looks. */
const STEP = 5_000
/** As often as `createEcgLinkDevice` has its session look, µs. */
const HOST_TICK = 25_000
/** As in `createEcgLinkDevice`, µs. */
const RETRY = 100_000
const HOUR = 3600e6
/** Not zero, so that nothing depends on it, µs. */
const BEGIN = 1e12
const SEED = 20_260_101
/** No oscillator runs faster than this. */
const MOST_FAST = 1.001
/** How often memory is looked at. */
const LOOKS = 4
const RATE = Hertz(500)
const LEADS = INDEPENDENT_LEADS

/** Every value says where it belongs. */
const valueAt = (sample: number, channel: number) => (((sample % 3989) * 8 + channel) << 1) - 32_000

const SOURCE: SampleSource = {
  rate: RATE,
  lsbPicovolts: 1_000_000,
  leads: LEADS,
  read(first, count, values) {
    for (let s = 0; s < count; s++)
      for (let c = 0; c < LEADS.length; c++) values[s * LEADS.length + c] = valueAt(first + s, c)
    return count
  },
}

export interface SoakResult {
  readonly hours: number
  readonly boots: number
  readonly reopens: number
  /** Samples that the device took while it streamed, those that arrived, and those that the host says are missing. */
  readonly taken: number
  readonly delivered: number
  readonly missing: number
  readonly windows: number
  /** Share of window starts that lie within the uncertainty stated for them, and the farthest that any is off. */
  readonly within: number
  readonly worstMs: number
  /** What did not hold, one sentence each. */
  readonly faults: readonly string[]
}

/** `look` is called several times on the way. */
export function soak(scenario: Scenario, input: Manifest['input'], hours: number, look: () => void): SoakResult {
  const { driftPpm, loss = 0, jitterMs = 0, script = [] } = scenario
  const random = createRandom(SEED)
  const account = createAccount(valueAt, Math.ceil(3600 * RATE * hours * MOST_FAST) + 10 * RATE)
  let now = BEGIN
  let boot = 1
  let assembler: WindowAssembler | undefined
  let open = false
  let openAt = BEGIN
  let silentUntil = 0
  let noisyUntil = 0

  const delay = () => 300 + 1000 * jitterMs * random()
  const passes = () => open && now >= silentUntil && random() >= loss
  const counters = noneCounted()

  const host = createHostSession(
    {
      identified(identity) {
        endWindows()
        account.boot(identity.boot)
        assembler = assemblerFor(identity)
      },
      samples(block) {
        account.delivered(block)
        take(assembler!.push(block))
      },
      state() {},
      status() {},
      event() {},
      send: packet => passes() && down.send(now + delay(), encodeFrame(packet)),
      reopen() {
        close(RETRY)
      },
    },
    counters,
  )
  const hostFramer = createFramer({
    frame: packet => host.packet(packet, Microseconds(now)),
    badFrame: () => host.badFrame(),
  })
  const deviceFramer = createFramer({ frame: packet => device.packet(packet, Microseconds(now)), badFrame: () => {} })
  const up = simulatedLine(bytes => {
    counters.bytes += bytes.length
    hostFramer.push(bytes)
  })
  const down = simulatedLine(bytes => deviceFramer.push(bytes))
  const device = createDeviceSession(
    withDefaults({ source: SOURCE, id: 'soak', boot, driftPpm }),
    Microseconds(now),
    packet => {
      if (!passes()) return
      const frame = encodeFrame(packet)
      if (now < noisyUntil) for (let i = 0; i < frame.length; i++) frame[i] = Math.floor(256 * random())
      up.send(now + delay(), frame)
    },
  )

  function assemblerFor({ boot, rate, channels, lsb }: DeviceIdentity): WindowAssembler {
    return new WindowAssembler({
      boot,
      rate,
      channels: channels.map(name => ({ name, lsb, baseline: 0 })),
      input,
      hop: Seconds(5),
      patience: Millis(1500),
    })
  }

  function take(windows: readonly EcgWindow[]) {
    for (const window of windows) account.window(window, host.timeOf(window.firstSample), device)
  }

  function endWindows() {
    if (assembler) take(assembler.close())
    assembler = undefined
  }

  function close(time: number) {
    open = false
    openAt = now + time
    up.cut()
    down.cut()
  }

  /** Everything that has arrived by now, in order, each piece at its own time. */
  function deliver() {
    const end = now
    for (let next = earlier(up, down); next.next <= end; next = earlier(up, down)) {
      now = next.next
      next.deliver()
    }
    now = end
  }

  function happen(what: Happening['what']) {
    switch (what.kind) {
      case 'unplug':
      case 'power-loss':
        close(1e6 * what.seconds + RETRY)
        host.closed('unplugged')
        if (what.kind === 'power-loss') restart()
        return
      case 'silence':
        silentUntil = now + 1e6 * what.seconds
        return
      case 'noise':
        noisyUntil = now + 1e6 * what.seconds
        return
      case 'clock-jump':
        return device.jumpClock(1e6 * what.seconds)
      case 'reboot':
        return restart()
    }
  }

  /** Sample times of the boot that ends are told to the account while the device still knows them. */
  function restart() {
    account.bootEnds(device)
    device.reboot(++boot, Microseconds(now))
  }

  const due = script.map(({ at, every = 3600, what }) => ({ at: BEGIN + 1e6 * at, every: 1e6 * every, what }))
  const lookEvery = (hours * HOUR) / (LOOKS + 1)
  let lookAt = BEGIN + lookEvery
  for (const end = BEGIN + hours * HOUR; now < end; now += STEP) {
    deliver()
    for (const event of due) {
      if (now < event.at) continue
      event.at += event.every
      happen(event.what)
    }
    if (!open && now >= openAt) {
      open = true
      counters.reopens++
      hostFramer.reset()
      host.opened(Microseconds(now))
    }
    device.tick(Microseconds(now))
    if (open && (now - BEGIN) % HOST_TICK === 0) host.tick(Microseconds(now))
    if (assembler) take(assembler.due(Microseconds(now)))
    if (now >= lookAt) {
      lookAt += lookEvery
      look()
    }
  }
  account.bootEnds(device)
  endWindows()
  return { hours, boots: boot, reopens: counters.reopens - 1, ...account.result(counters) }
}

const earlier = (a: SimulatedLine, b: SimulatedLine) => (a.next <= b.next ? a : b)

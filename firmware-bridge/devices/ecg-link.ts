import type { SampleIndex } from '../../ecg/units.js'
import { type DeviceListener, type DeviceStream, noneCounted, type SampleTime } from '../device-stream.js'
import { createHostSession, type HostSession } from '../link/host-session.js'
import type { PacketCarrier } from '../transport/packet-carrier.js'
import { type Clocks, inUtc, SYSTEM_CLOCKS } from './clocks.js'

/** How often the session looks at the time, ms: TIME_REQ want 80 ms between them, RESEND is due within 200 ms. */
const TICK = 20
/** Wait before a carrier that did not work is opened again: first and at most, ms. Short, because opening a port costs nothing. */
const FIRST_RETRY = 100
const LAST_RETRY = 500

/** A device that speaks ECG Link, on any carrier. */
export function createEcgLinkDevice(uri: string, carrier: PacketCarrier, clocks: Clocks = SYSTEM_CLOCKS): DeviceStream {
  const counters = noneCounted()
  let session: HostSession | undefined
  let timer: NodeJS.Timeout | undefined
  let retry = FIRST_RETRY
  let packetsAtOpen = 0
  let everOpen = false
  let stopped = false
  let settleFirstOpen: (failure?: Error) => void = () => {}
  const firstOpen = new Promise<void>((resolve, reject) => {
    settleFirstOpen = failure => (failure ? reject(failure) : resolve())
  })
  firstOpen.catch(() => {}) // whoever does not ask hears of it as a state

  function start(listener: DeviceListener) {
    const running = createHostSession(
      {
        identified: identity => listener.identified(identity),
        samples: block => listener.samples(block),
        state: (state, reason) => listener.state(state, reason),
        status: status => listener.status(status),
        event: (kind, sample) => listener.event(kind, sample),
        send: packet => carrier.send(packet),
        reopen: () => {
          clearInterval(timer)
          void carrier.close().then(openLater)
        },
      },
      counters,
    )
    session = running
    open(running)
  }

  function open(running: HostSession) {
    const opened = carrier.open({
      bytes(count) {
        counters.bytes += count
      },
      packet: (packet, arrived) => running.packet(packet, arrived),
      badFrame: () => running.badFrame(),
      closed(reason) {
        clearInterval(timer)
        if (stopped) return
        running.closed(reason)
        openLater()
      },
    })
    opened.then(
      () => {
        settleFirstOpen()
        if (stopped) return
        if (everOpen) counters.reopens++
        everOpen = true
        packetsAtOpen = counters.packets
        running.opened(clocks.monotonic())
        timer = setInterval(() => running.tick(clocks.monotonic()), TICK)
      },
      (failure: Error) => {
        settleFirstOpen(failure)
        if (stopped) return
        running.closed(failure.message)
        openLater()
      },
    )
  }

  function openLater() {
    if (stopped || !session) return
    if (counters.packets > packetsAtOpen) retry = FIRST_RETRY
    packetsAtOpen = counters.packets
    timer = setTimeout(open, retry, session)
    retry = Math.min(2 * retry, LAST_RETRY)
  }

  function timeOf(sample: SampleIndex): SampleTime | undefined {
    const host = session?.timeOf(sample)
    return host && inUtc(host, clocks)
  }

  async function stop() {
    if (stopped) return
    stopped = true
    clearTimeout(timer) // also ends an interval
    session?.stop(clocks.monotonic())
    await carrier.close()
  }

  return { uri, counters, timeOf, radio: () => carrier.radio?.(), start, firstOpen, stop }
}

import type { SampleIndex } from '../../ecg/units.js'
import { type DeviceListener, type DeviceStream, noneCounted, type SampleTime } from '../device-stream.js'
import { createHostSession, type HostSession } from '../link/host-session.js'
import type { PacketCarrier } from '../transport/packet-carrier.js'
import { type Clocks, inUtc, SYSTEM_CLOCKS } from './clocks.js'
import { createKeptOpen } from './kept-open.js'

/** How often the session looks at the time, ms: TIME_REQ want 80 ms between them, RESEND is due within 200 ms. */
const TICK = 40

/** A device that speaks ECG Link, on any carrier. */
export function createEcgLinkDevice(uri: string, carrier: PacketCarrier, clocks: Clocks = SYSTEM_CLOCKS): DeviceStream {
  const counters = noneCounted()
  let session: HostSession | undefined
  const kept = createKeptOpen({
    counters,
    every: TICK,
    open: (closed, current) =>
      carrier.open({
        bytes(count) {
          counters.bytes += count
        },
        packet: (packet, arrived) => current() && session?.packet(packet, arrived),
        badFrame: () => session?.badFrame(),
        closed,
      }),
    close: () => carrier.close(),
    opened: () => session?.opened(clocks.monotonic()),
    tick: () => session?.tick(clocks.monotonic()),
    closed: reason => session?.closed(reason),
  })

  function start(listener: DeviceListener) {
    session = createHostSession(
      {
        identified: identity => listener.identified(identity),
        samples: block => listener.samples(block),
        state: (state, reason) => listener.state(state, reason),
        status: status => listener.status(status),
        event: (kind, sample) => listener.event(kind, sample),
        send: packet => carrier.send(packet),
        reopen: kept.reopen,
      },
      counters,
    )
    kept.start()
  }

  const sayStop = () => session?.stop(clocks.monotonic())

  function timeOf(sample: SampleIndex): SampleTime | undefined {
    const host = session?.timeOf(sample)
    return host && inUtc(host, clocks)
  }

  return {
    uri,
    counters,
    timeOf,
    radio: () => carrier.radio?.(),
    start,
    firstOpen: kept.firstOpen,
    release: reason => kept.pause(reason, sayStop),
    retake: kept.resume,
    stop: () => kept.stop(sayStop),
  }
}

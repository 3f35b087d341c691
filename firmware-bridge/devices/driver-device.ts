import type { SampleIndex } from '../../ecg/units.js'
import { type DeviceListener, type DeviceStream, noneCounted, type SampleTime } from '../device-stream.js'
import type { GattCarrier } from '../transport/gatt.js'
import { type Clocks, inUtc, SYSTEM_CLOCKS } from './clocks.js'
import type { Driver } from './driver.js'
import { createDriverSession, type DriverSession } from './driver-session.js'
import { createKeptOpen } from './kept-open.js'

/** How often commands and silence are looked at, ms. */
const TICK = 25

export interface DriverDeviceOptions {
  readonly uri: string
  /** A `Transport` is one, too: its bytes have no characteristic. */
  readonly carrier: GattCarrier
  readonly driver: Driver
  /** What makes the device's identity unique; asked for after each opening, never rejects. */
  place(): Promise<string>
  readonly clocks?: Clocks
}

/** A device of any vendor, on a carrier of bytes or of notifications: opened for ever, with back-off. */
export function createDriverDevice(options: DriverDeviceOptions): DeviceStream {
  const { uri, carrier, driver, clocks = SYSTEM_CLOCKS } = options
  const counters = noneCounted()
  let session: DriverSession | undefined
  /** What the carrier tells before its session has begun is for nobody. */
  let begun = false
  let place = ''
  const kept = createKeptOpen({
    counters,
    every: TICK,
    async open(closed, current) {
      begun = false
      await carrier.open({
        bytes(bytes, arrived, characteristic) {
          if (!begun || !current()) return
          counters.bytes += bytes.length
          session?.received(bytes, arrived, characteristic)
        },
        closed,
      })
      place = await options.place()
    },
    close: () => carrier.close(),
    opened() {
      begun = true
      session?.opened(place, clocks.monotonic())
    },
    tick: () => session?.tick(clocks.monotonic()),
    closed: reason => session?.closed(reason),
  })

  function start(listener: DeviceListener) {
    session = createDriverSession(
      driver,
      {
        identified: identity => listener.identified(identity),
        samples: block => listener.samples(block),
        state: (state, reason) => listener.state(state, reason),
        status: status => listener.status(status),
        event: (kind, sample) => listener.event(kind, sample),
        send: (bytes, characteristic) => carrier.write(bytes, characteristic),
        reopen: kept.reopen,
        newBoot: () => Math.floor(Math.random() * 0x1_0000_0000),
      },
      counters,
    )
    kept.start()
  }

  const sayStop = () => session?.stop()

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

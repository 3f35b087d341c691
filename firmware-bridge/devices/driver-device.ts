import type { SampleIndex } from '../../ecg/units.js'
import { type DeviceListener, type DeviceStream, noneCounted, type SampleTime } from '../device-stream.js'
import type { GattCarrier } from '../transport/gatt.js'
import { type Clocks, inUtc, SYSTEM_CLOCKS } from './clocks.js'
import type { Driver } from './driver.js'
import { createDriverSession, type DriverSession } from './driver-session.js'

/** How often commands and silence are looked at, ms. */
const TICK = 25
/** Wait before a carrier that did not work is opened again: first and at most, ms. Short, because opening a port costs nothing. */
const FIRST_RETRY = 100
const LAST_RETRY = 500

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
  const { uri, carrier, driver, place, clocks = SYSTEM_CLOCKS } = options
  const counters = noneCounted()
  let session: DriverSession | undefined
  let timer: NodeJS.Timeout | undefined
  let retry = FIRST_RETRY
  let packetsAtOpen = 0
  let opens = 0
  let everOpen = false
  let stopped = false
  let settleFirstOpen: (failure?: Error) => void = () => {}
  const firstOpen = new Promise<void>((resolve, reject) => {
    settleFirstOpen = failure => (failure ? reject(failure) : resolve())
  })
  firstOpen.catch(() => {}) // whoever does not ask hears of it as a state

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
        reopen: () => {
          opens++
          clearInterval(timer)
          void carrier.close().then(() => openLater())
        },
        newBoot: () => Math.floor(Math.random() * 0x1_0000_0000),
      },
      counters,
    )
    void open(session)
  }

  async function open(running: DriverSession) {
    const generation = ++opens
    /** What the carrier tells after it has closed, or before the session has begun, is for nobody. */
    let begun = false
    const current = () => generation === opens && !stopped
    try {
      await carrier.open({
        bytes(bytes, arrived, characteristic) {
          if (!begun || !current()) return
          counters.bytes += bytes.length
          running.received(bytes, arrived, characteristic)
        },
        closed: reason => closed(running, current(), reason),
      })
    } catch (failure) {
      settleFirstOpen(failure as Error)
      return closed(running, current(), (failure as Error).message)
    }
    settleFirstOpen()
    if (!current()) return
    const name = await place()
    if (!current()) return
    if (everOpen) counters.reopens++
    everOpen = true
    begun = true
    packetsAtOpen = counters.packets
    running.opened(name, clocks.monotonic())
    timer = setInterval(() => running.tick(clocks.monotonic()), TICK)
  }

  function closed(running: DriverSession, current: boolean, reason: string) {
    if (!current) return
    opens++
    clearInterval(timer)
    running.closed(reason)
    openLater()
  }

  function openLater() {
    if (stopped || !session) return
    if (counters.packets > packetsAtOpen) retry = FIRST_RETRY
    packetsAtOpen = counters.packets
    timer = setTimeout(running => void open(running), retry, session)
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
    session?.stop()
    await carrier.close()
  }

  return { uri, counters, timeOf, radio: () => carrier.radio?.(), start, firstOpen, stop }
}

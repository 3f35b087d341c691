import type { Microseconds, SampleIndex } from '../../ecg/units.js'
import type { DeviceListener, DeviceState, LinkCounters, SampleBlock } from '../device-stream.js'
import type { HostTime } from '../link/sample-clock.js'
import type { Driver, DriverConnection, DriverIdentity, DriverLink } from './driver.js'
import { createRateWatch } from './rate-watch.js'

// All in µs. The first two are those of ECG Link (Behaviour 6), so that every device behaves alike.
const STALLED_AFTER = 2_000_000
const REOPEN_AFTER = 5_000_000
/** A device that has sent no sample since the carrier was opened gets longer each time, up to this. */
const REOPEN_AFTER_AT_MOST = 30_000_000
/** Without a sample for so long the operator is told what to look at. */
const FIRST_IS_LATE = 3_000_000

export interface DriverSessionOutput extends DeviceListener {
  send(bytes: Uint8Array, characteristic?: string): void
  /** The carrier is silent: close it and open it again. */
  reopen(): void
  /** A random u32. */
  newBoot(): number
}

/** The states, identity and sample account of a device that a driver understands. Pure, as the driver is. */
export interface DriverSession {
  /** `place`: serial number, port or address that makes the device's identity unique. */
  opened(place: string, now: Microseconds): void
  /** The carrier is gone, or cannot be opened. */
  closed(reason: string): void
  received(bytes: Uint8Array, arrived: Microseconds, characteristic?: string): void
  /** To be called every few tens of milliseconds while the carrier is open. */
  tick(now: Microseconds): void
  /** Tells the device to stop sending. */
  stop(): void
  timeOf(sample: SampleIndex): HostTime | undefined
}

export function createDriverSession(
  driver: Driver,
  output: DriverSessionOutput,
  counters: LinkCounters,
): DriverSession {
  let connection: DriverConnection | undefined
  /** Answers for the samples told last; of a connection that has ended, too, until the next one has begun to tell. */
  let clock: DriverConnection | undefined
  let identity: DriverIdentity | undefined
  let watchRate: ReturnType<typeof createRateWatch> | undefined
  let next: number | undefined
  let state: DeviceState | undefined
  let reason = ''
  let remark: string | undefined
  let rateRemark: string | undefined
  let openedAt = 0
  let bytesAtOpen = 0
  let lastSamples = 0
  let reopenAfter = REOPEN_AFTER

  function tell(newState: DeviceState, newReason: string) {
    if (newState === state && newReason === reason) return
    state = newState
    reason = newReason
    output.state(newState, newReason)
  }

  function tellStreaming() {
    const remarks = [remark, rateRemark].filter(sentence => sentence !== undefined)
    tell('streaming', [`${identity!.id} is streaming`, ...remarks].join('; '))
  }

  function opened(place: string, now: Microseconds) {
    openedAt = now
    lastSamples = now
    bytesAtOpen = counters.bytes
    identity = undefined
    remark = undefined
    if (state !== 'connecting') tell('connecting', `waiting for the first ${driver.packet}`)
    connection = driver.connect(linkTo(`${driver.name}-${place}`))
    connection.tick(now)
  }

  function linkTo(id: string): DriverLink {
    return {
      id,
      counters,
      send: output.send,
      identified(found) {
        output.identified({ ...found, boot: output.newBoot(), retain: 0, capabilities: [] })
        identity = found
        clock = connection
        next = undefined
        rateRemark = undefined
        watchRate = createRateWatch(found.rate)
        tell('connected', `${found.id} was found`)
      },
      samples,
      remark(sentence) {
        remark = sentence
        if (state === 'streaming') tellStreaming()
        else if (state === 'connecting' && sentence !== undefined) tell(state, sentence)
      },
    }
  }

  function samples(block: SampleBlock) {
    if (next !== undefined) counters.missingSamples += block.first - next
    next = block.first + block.count
    lastSamples = block.arrived
    reopenAfter = REOPEN_AFTER
    const rate = watchRate?.(block.count, block.arrived)
    if (state !== 'streaming' || rate !== rateRemark) {
      rateRemark = rate
      tellStreaming()
    }
    output.samples(block)
  }

  function closed(why: string) {
    connection = undefined
    tell('lost', why)
  }

  function tick(now: Microseconds) {
    if (!connection) return
    connection.tick(now)
    const silence = now - lastSamples
    if (state === 'streaming' && silence >= STALLED_AFTER) tell('stalled', `no samples for ${STALLED_AFTER / 1e6} s`)
    if (!identity && remark === undefined && now - openedAt >= FIRST_IS_LATE) tell('connecting', whatToLookAt())
    if (silence >= reopenAfter) reopen()
  }

  function whatToLookAt(): string {
    return counters.bytes > bytesAtOpen
      ? `bytes arrive, but no ${driver.packet}: check the baud rate and the driver (?driver=${driver.name})`
      : `nothing arrives, not one ${driver.packet}: check the device’s power and how it is connected`
  }

  function reopen() {
    const why = `no samples for ${reopenAfter / 1e6} s: opening the carrier again`
    connection?.stop()
    connection = undefined
    if (identity) tell('lost', why)
    else reopenAfter = Math.min(2 * reopenAfter, REOPEN_AFTER_AT_MOST)
    output.reopen()
  }

  return {
    opened,
    closed,
    received: (bytes, arrived, characteristic) => connection?.received(bytes, arrived, characteristic),
    tick,
    stop() {
      connection?.stop()
      connection = undefined
    },
    timeOf: sample => clock?.timeOf(sample),
  }
}

import { Hertz, type Microseconds, Millivolts } from '../../ecg/units.js'
import type { GattProfile } from '../transport/gatt.js'
import type { Driver, DriverConnection, DriverLink } from './driver.js'
import type { DriverOptions } from './driver-options.js'
import {
  decodePmdControl,
  decodePmdEcg,
  describePmdStatus,
  PMD_CONTROL,
  PMD_DATA,
  PMD_SERVICE,
  PmdStatus,
  START_ECG,
  STOP_ECG,
} from './polar-h10/pmd.js'
import { createStampedPackets, type StampedPackets } from './stamped-packets.js'

export const POLAR_H10_PROFILE: GattProfile = { service: PMD_SERVICE, notify: [PMD_CONTROL, PMD_DATA] }

/** Nominal; 130.06 Hz was observed, within the 1 % that Polar specifies. */
const RATE = Hertz(130)
const LSB = Millivolts(0.001)
/** The start command is repeated until it is answered, and after a refusal or a stop by the sensor, µs. */
const START_EVERY = 2_000_000
/** More than any MTU holds. */
const MOST_VALUES = 256

/**
 * Polar H10 chest strap: one lead, 130 Hz, µV.
 *
 * Time: a frame's stamp is the time of its LAST sample, ns by the sensor's clock, which nobody needs to have set.
 * Loss: frames are not numbered; what is missing follows from the stamps, exactly (`createStampedPackets`).
 * Vectors: polar-ble-sdk, EcgDataTest.kt ("process raw ecg data type 0"), PmdControlPointResponse.kt; the start command is that
 *   of the SDK's documentation. No sensor was at hand.
 *
 * It is always told to stop: otherwise it measures until its battery is flat. Options: `leads`, the one that the strap is
 * taken for. A strap lies across the chest, so that its lead resembles I.
 */
export function createPolarH10Driver(options: DriverOptions): Driver {
  const channels = options.names('leads', ['I'])
  options.end()
  return { name: 'polar-h10', packet: 'ECG frame of a Polar H10', connect: link => connect(link, channels) }
}

function connect(link: DriverLink, channels: readonly string[]): DriverConnection {
  const values = new Int32Array(MOST_VALUES)
  let packets: StampedPackets | undefined
  let started = false
  let due = 0
  let now = 0

  function control(bytes: Uint8Array) {
    const said = decodePmdControl(bytes)
    if (!said) return
    if (said.kind === 'stopped') {
      started = false
      due = now + START_EVERY
      return link.remark('the sensor has stopped measuring')
    }
    started = said.status === PmdStatus.Ok || said.status === PmdStatus.AlreadyInState
    due = now + START_EVERY
    link.remark(started ? undefined : `the sensor sends no ECG: ${describePmdStatus(said.status)}`)
  }

  function data(bytes: Uint8Array, arrived: Microseconds) {
    const frame = decodePmdEcg(bytes, values)
    if (!frame) {
      link.counters.badFrames++
      return
    }
    link.counters.packets++
    packets ??= begin()
    const first = frame.lastSampleAt - ((frame.count - 1) * 1e6) / RATE
    packets.take(values, frame.count, first, arrived)
  }

  function begin(): StampedPackets {
    started = true
    link.identified({ id: link.id, model: 'Polar H10', firmware: 'unknown', rate: RATE, lsb: LSB, channels })
    return createStampedPackets(link, RATE)
  }

  return {
    received(bytes, arrived, characteristic) {
      now = arrived
      if (characteristic === PMD_CONTROL) control(bytes)
      else if (characteristic === PMD_DATA) data(bytes, arrived)
    },
    tick(at) {
      now = at
      if (started || at < due) return
      due = at + START_EVERY
      link.send(START_ECG, PMD_CONTROL)
    },
    stop: () => link.send(STOP_ECG, PMD_CONTROL),
    timeOf: sample => packets?.timeOf(sample),
  }
}

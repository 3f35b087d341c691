import { Hertz, type Microseconds, Millivolts } from '../../ecg/units.js'
import type { GattProfile } from '../transport/gatt.js'
import type { Driver, DriverConnection, DriverLink } from './driver.js'
import type { DriverOptions } from './driver-options.js'
import {
  decodeGsp,
  decodeGspEcg,
  decodeGspHello,
  decodeGspStatus,
  encodeHello,
  encodeSubscribe,
  encodeUnsubscribe,
  GSP_ECG_COUNT_BYTES,
  GSP_ECG_MICROVOLT_BYTES,
  GSP_ECG_SAMPLES,
  GSP_NOTIFY,
  GSP_SERVICE,
  GSP_WRITE,
  type GspEcg,
  type GspHello,
} from './movesense/gsp.js'
import { createStampedPackets, type StampedPackets } from './stamped-packets.js'

export const MOVESENSE_PROFILE: GattProfile = { service: GSP_SERVICE, notify: [GSP_NOTIFY] }

/** References of our commands; any other belongs to nobody here. */
const HELLO_REFERENCE = 1
const ECG_REFERENCE = 2
/**
 * HELLO gets this long, once: a sensor that leaves it unanswered is known by its address. SUBSCRIBE is repeated until it is
 * answered, and after a refusal; seldom, because each unanswered command costs the sensor a slot. µs.
 */
const ASK_EVERY = 2_000_000
const STATUS_OK = 200
/** 1 V / 2¹⁷ / 20 ("Unit of measurement for ECG data", answered by Movesense), or µV where the firmware scales. */
const LSB: Record<GspEcg['unit'], Millivolts> = { count: Millivolts(1000 / 2 ** 17 / 20), µV: Millivolts(0.001) }
/** The stamp counts ms in 32 bits. */
const STAMP_WRAP = 2 ** 32

/**
 * Movesense with GATT SensorData: one lead, 16 samples a packet.
 *
 * Time: a packet's stamp is the time of its FIRST sample, ms since the sensor's boot.
 * Loss: packets are not numbered; what is missing follows from the stamps, exactly (`createStampedPackets`).
 * Vectors: the GSP page of movesense.com; raw counts against µV as measured by sokolmarek/movesense-commander
 *   (docs/gsp-protocol.md: 20835 counts = 7948 µV). No sensor was at hand.
 *
 * Options: `rate`, one of the sensor's (125, 128, 200, 250, 256, 500, 512); `leads`, the one that the sensor is worn as.
 */
export function createMovesenseDriver(options: DriverOptions): Driver {
  const rate = Hertz(options.number('rate', 128, 125, 512))
  const channels = options.names('leads', ['I'])
  options.end()
  return { name: 'movesense', packet: 'ECG packet of a Movesense', connect: link => connect(link, rate, channels) }
}

function connect(link: DriverLink, rate: Hertz, channels: readonly string[]): DriverConnection {
  const { counters } = link
  const values = new Int32Array(GSP_ECG_SAMPLES)
  let hello: GspHello | undefined
  let asked = false
  let subscribed = false
  let due = 0
  let unit: GspEcg['unit'] | undefined
  let packets: StampedPackets | undefined
  /** A packet that the MTU has split, as far as it has come. */
  let part: Uint8Array | undefined
  let lastStamp = 0
  let wraps = 0

  function response(reference: number, payload: Uint8Array) {
    if (reference === HELLO_REFERENCE) {
      hello ??= decodeGspHello(payload)
      due = 0
    }
    if (reference !== ECG_REFERENCE) return
    const status = decodeGspStatus(payload)
    subscribed = status === STATUS_OK
    link.remark(subscribed ? undefined : `the sensor refuses ECG at ${rate} Hz (status ${status ?? 'missing'})`)
  }

  function data(payload: Uint8Array, continued: boolean, arrived: Microseconds) {
    if (part && !continued) counters.badFrames++
    const whole = continued && part ? Uint8Array.from([...part, ...payload]) : payload
    part = undefined
    if (continued && whole === payload) counters.badFrames++
    else if (isWhole(whole.length)) ecg(whole, arrived)
    else if (whole.length < GSP_ECG_COUNT_BYTES) part = Uint8Array.from(whole)
    else counters.badFrames++
  }

  /** 16 values of µV are as long as half of some packets of counts could be, so what has come once decides. */
  const isWhole = (length: number) =>
    length === GSP_ECG_COUNT_BYTES || (length === GSP_ECG_MICROVOLT_BYTES && unit !== 'count')

  function ecg(payload: Uint8Array, arrived: Microseconds) {
    const packet = decodeGspEcg(payload, values)
    if (!packet || (unit !== undefined && packet.unit !== unit)) {
      counters.badFrames++
      return
    }
    counters.packets++
    packets ??= begin(packet.unit)
    packets.take(values, GSP_ECG_SAMPLES, unwrapped(packet.firstSampleAt) * 1000, arrived)
  }

  function begin(found: GspEcg['unit']): StampedPackets {
    unit = found
    subscribed = true
    const { product, version: firmware } = hello ?? { product: 'Movesense', version: 'unknown' }
    const id = hello ? `movesense-${hello.serial}` : link.id
    link.identified({ id, model: product, firmware, rate, lsb: LSB[found], channels })
    return createStampedPackets(link, rate)
  }

  function unwrapped(stamp: number): number {
    if (stamp < lastStamp - STAMP_WRAP / 2) wraps++
    lastStamp = stamp
    return stamp + wraps * STAMP_WRAP
  }

  return {
    received(bytes, arrived) {
      const said = decodeGsp(bytes)
      if (!said) counters.badFrames++
      else if (said.kind === 'response') response(said.reference, said.payload)
      else if (said.reference === ECG_REFERENCE) data(said.payload, said.kind === 'continued', arrived)
    },
    tick(now) {
      if (subscribed || now < due) return
      due = now + ASK_EVERY
      link.send(asked ? encodeSubscribe(ECG_REFERENCE, `/Meas/ECG/${rate}`) : encodeHello(HELLO_REFERENCE), GSP_WRITE)
      asked = true
    },
    stop: () => link.send(encodeUnsubscribe(ECG_REFERENCE), GSP_WRITE),
    timeOf: sample => packets?.timeOf(sample),
  }
}

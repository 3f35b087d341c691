import { ELECTRODES, type Electrode, standardLead } from '../../ecg/leads.js'
import { Hertz, Millivolts } from '../../ecg/units.js'
import {
  CHANNELS,
  createFrameMatch,
  FRAME_BYTES,
  LOOK_AHEAD,
  leadOffNegative,
  leadOffPositive,
  VALUES_AT,
} from './ads1298/frames.js'
import type { Driver } from './driver.js'
import type { DriverOptions } from './driver-options.js'
import { MOST_NEGATIVE_24, MOST_POSITIVE_24, readSigned24BigEndian } from './signed-24.js'
import { connectUnnumberedFrames } from './unnumbered-frames.js'

/** Leads at the chip's channels 1 to 8 as in TI's data sheet; TI's ECG-FE board has V6,I,II,V2,V3,V4,V5,V1 (SBAU181B). */
const STRAIGHT_WIRING = ['I', 'II', 'V1', 'V2', 'V3', 'V4', 'V5', 'V6']

/**
 * Raw frames of a TI ADS1298 behind a plain UART or USB bridge, 27 bytes per sampling instant, nothing around them.
 *
 * Time: arrival of the last byte stands for the last sample. Loss: frames are not numbered; see `connectUnnumberedFrames`.
 * Vectors: SBAS459, "Data retrieval" and "Data format"; TI forum, threads 549402 and 63155 (slipped bits, lead-off bits of
 * Wilson's terminal); the same as those of the C library (test/firmware-bridge/firmware/unit/ads1298_tests.c).
 *
 * Options: `rate`, samples/s; `leads` at channels 1 to 8; `gain` and `vref`, V, which make the amplitude of one count.
 */
export function createAds1298Driver(options: DriverOptions): Driver {
  const rate = Hertz(options.number('rate', 500, 1, 32_000))
  const gain = options.number('gain', 6, 1, 12)
  const vref = options.number('vref', 2.4, 1, 5)
  const channels = options.names('leads', STRAIGHT_WIRING)
  options.end()
  const lsb = Millivolts((vref * 1000) / MOST_POSITIVE_24 / gain)
  const positive = channels.map(name => electrodeBit(positiveElectrode(name)))
  const negative = channels.map(name => electrodeBit(negativeElectrode(name)))

  function electrodesOff(buffer: Uint8Array, from: number): number {
    const offPositive = leadOffPositive(buffer, from)
    const offNegative = leadOffNegative(buffer, from)
    let off = 0
    for (let channel = 0; channel < CHANNELS; channel++) {
      if ((offPositive >> channel) & 1) off |= positive[channel]!
      if ((offNegative >> channel) & 1) off |= negative[channel]!
    }
    return off
  }

  return {
    name: 'ads1298',
    packet: 'ADS1298 frame',
    connect: link =>
      connectUnnumberedFrames(link, {
        identity: { model: 'TI ADS1298', firmware: 'unknown', rate, lsb, channels },
        frameBytes: FRAME_BYTES,
        lookAhead: LOOK_AHEAD,
        match: createFrameMatch(),
        take(buffer, from, batch, index, arrived) {
          const to = batch.add(index, arrived, electrodesOff(buffer, from))
          for (let channel = 0; channel < CHANNELS; channel++) {
            const value = readSigned24BigEndian(buffer, from + VALUES_AT + 3 * channel)
            if (value === MOST_POSITIVE_24 || value === MOST_NEGATIVE_24) batch.saturated()
            batch.values[to + channel] = value
          }
        },
      }),
  }
}

/** What lies at INnP of a channel that measures this lead. */
function positiveElectrode(name: string): Electrode | undefined {
  const lead = standardLead(name)
  if (lead === 'I') return 'LA'
  if (lead === 'II' || lead === 'III') return 'LL'
  return ELECTRODES.find(electrode => electrode === lead)
}

/** What lies at INnN: of lead I an electrode, of the V leads Wilson's terminal, whose lead-off bit means nothing. */
const negativeElectrode = (name: string): Electrode | undefined => (standardLead(name) === 'I' ? 'RA' : undefined)

const electrodeBit = (electrode: Electrode | undefined): number =>
  electrode === undefined ? 0 : 1 << ELECTRODES.indexOf(electrode)

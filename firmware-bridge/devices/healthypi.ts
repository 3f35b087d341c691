import { Hertz, Millivolts } from '../../ecg/units.js'
import type { Driver } from './driver.js'
import type { DriverOptions } from './driver-options.js'
import { ecgOf, matchPacket, PACKET_BYTES } from './healthypi/packets.js'
import { connectUnnumberedFrames } from './unnumbered-frames.js'

/** 1 V / 2¹⁷ / 20: the MAX30001, 18 bit, at gain 20 (protocentral_healthypi5_zephyr, drivers/sensor/max30001: "/ 2621440"). */
const LSB = Millivolts(1000 / 2 ** 17 / 20)
const MOST_POSITIVE = 2 ** 17 - 1
const MOST_NEGATIVE = -(2 ** 17)

/**
 * ProtoCentral HealthyPi 5 on USB: one ECG channel, one sample a packet, sent unasked.
 *
 * Time: arrival of the last byte stands for the packet's sample. Loss: packets are not numbered; see `connectUnnumberedFrames`.
 * Vectors: written down from its firmware (protocentral_healthypi5_zephyr, app/src/data_module.c: `DataPacketHeader`,
 * `sendData`); no capture of a board was at hand.
 *
 * Options: `rate`, samples/s, which is up to the firmware; `leads`, the one that its electrodes make.
 */
export function createHealthyPiDriver(options: DriverOptions): Driver {
  const rate = Hertz(options.number('rate', 125, 1, 1000))
  const channels = options.names('leads', ['I'])
  options.end()

  return {
    name: 'healthypi',
    packet: 'HealthyPi packet',
    connect: link =>
      connectUnnumberedFrames(link, {
        identity: { model: 'ProtoCentral HealthyPi 5', firmware: 'unknown', rate, lsb: LSB, channels },
        frameBytes: PACKET_BYTES,
        lookAhead: PACKET_BYTES,
        match: matchPacket,
        take(buffer, from, batch, index, arrived) {
          const value = ecgOf(buffer, from)
          batch.values[batch.add(index, arrived, 0)] = value
          if (value >= MOST_POSITIVE || value <= MOST_NEGATIVE) batch.saturated()
        },
      }),
  }
}

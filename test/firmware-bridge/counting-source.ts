import { Hertz } from '../../ecg/units.js'
import type { SampleSource } from '../../firmware-bridge/emulator/sample-source.js'

export const EIGHT_LEADS = ['I', 'II', 'V1', 'V2', 'V3', 'V4', 'V5', 'V6']

/** The value of channel `channel` at sample `index`: tells them apart, uses the sign, fits 2 bytes. */
export const countingValue = (index: number, channel: number) =>
  (((index % 4000) + 1) * 8 + channel) * (index % 2 ? -1 : 1)

/** A source of which every value says where it belongs. */
export function countingSource(rate = 500, leads: readonly string[] = EIGHT_LEADS, length = Infinity): SampleSource {
  return {
    rate: Hertz(rate),
    lsbPicovolts: 1_000_000,
    leads,
    read(first, count, values) {
      const there = Math.max(0, Math.min(count, length - first))
      for (let s = 0; s < there; s++) {
        for (let c = 0; c < leads.length; c++) values[s * leads.length + c] = countingValue(first + s, c)
      }
      return there
    },
  }
}

import type { Hertz, Millivolts } from '../../ecg/units.js'

/** A record on disk, whatever its format, whole and in counts, so that a round trip is exact. */
export interface Recording {
  readonly name: string
  readonly rate: Hertz
  /** Length in samples of every channel. */
  readonly samples: number
  readonly channels: readonly RecordedChannel[]
}

export interface RecordedChannel {
  /** As the file spells it; `standardLead` tells whether it is one of the twelve. */
  readonly name: string
  /** Amplitude of one count. */
  readonly lsb: Millivolts
  /** Count that stands for 0 mV. */
  readonly baseline: number
  /** mV = (count − baseline) · lsb; `MISSING_COUNT` where the file says that there is no sample. */
  readonly counts: Int32Array
}

/** Stands for "no sample here" in `counts`, whatever the format's own sentinel is (−32768 in WFDB format 16). */
export const MISSING_COUNT = -0x8000_0000

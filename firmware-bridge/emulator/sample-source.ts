import type { Hertz } from '../../ecg/units.js'

/** What a virtual device measures: random access, so that history can be sent again. */
export interface SampleSource {
  readonly rate: Hertz
  readonly lsbPicovolts: number
  readonly leads: readonly string[]
  /**
   * Writes samples `first` … `first + count − 1` sample-major into `values`, in LSB; answers how many there are, which is fewer
   * than `count` only at the end of the source.
   */
  read(first: number, count: number, values: Int32Array): number
  /** Whether this sample was never taken, so that no device can send it. A source without it lacks none. */
  lacks?(sample: number): boolean
}

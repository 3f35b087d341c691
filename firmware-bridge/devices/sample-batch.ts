import { type Microseconds, SampleIndex } from '../../ecg/units.js'
import type { SampleBlock } from '../device-stream.js'

/** Samples of one block: a quarter of a second at 250 Hz, more than one read brings unless the host was asleep. */
const MOST_SAMPLES = 64

/** Gathers single samples into blocks, so that nothing is allocated per sample. */
export interface SampleBatch {
  /** Of the block that grows. */
  readonly values: Int32Array
  /** Begins sample `index` and answers where in `values` its channels go; tells the block so far where it does not continue it. */
  add(index: number, arrived: Microseconds, electrodesOff: number): number
  /** A channel of the sample just added is at either end of its range. */
  saturated(): void
  /** Tells what has been gathered. To be called at the end of every piece that was received. */
  flush(): void
}

export function createSampleBatch(channels: number, tell: (block: SampleBlock) => void): SampleBatch {
  const values = new Int32Array(MOST_SAMPLES * channels)
  let first = 0
  let count = 0
  let electrodesOff = 0
  let saturated = false
  let arrived = 0 as Microseconds

  function flush() {
    if (count === 0) return
    const block = { first: SampleIndex(first), count, channels, values, electrodesOff, saturated, arrived }
    count = 0
    saturated = false
    tell({ ...block, retransmission: false })
  }

  return {
    values,
    add(index, at, electrodes) {
      if (index !== first + count || count === MOST_SAMPLES || electrodes !== electrodesOff) {
        flush()
        first = index
        electrodesOff = electrodes
      }
      arrived = at
      return channels * count++
    },
    saturated() {
      saturated = true
    },
    flush,
  }
}

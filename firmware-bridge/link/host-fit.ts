/** Device clock (µs since boot) → host monotonic clock (µs). */
export interface HostFit {
  readonly ready: boolean
  y(device: number): number
  /** Of the random error, µs². */
  variance(device: number): number
  /** What no averaging removes, µs. */
  bound(): number
}

/** A crystal is cut to ±100 ppm, an oscillator of a small MCU to ±200: the drift's prior standard deviation. */
export const DRIFT_SIGMA = 200e-6

/** Variance that the drift gains per µs: 3 ppm in a minute, what a wearable's crystal does when it is put on skin. */
export const CLOCK_WANDER = 3e-6 ** 2 / 60e6

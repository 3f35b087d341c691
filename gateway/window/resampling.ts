import type { Resampling } from '../../models/bundle/manifest.js'
import { WindowError } from './window-error.js'

/** A rational resampler, its taps sorted by phase. */
export interface Polyphase {
  readonly up: number
  readonly down: number
  /** Group delay of the taps at the rate `from · up`, compensated in `resample`. */
  readonly delay: number
  /** `phases[r]` holds the taps that meet samples when (position mod up) = r, in the order of rising sample index. */
  readonly phases: readonly Float64Array[]
}

export function polyphase({ from, up, down, taps }: Resampling): Polyphase {
  const symmetric = taps.every((tap, i) => Math.abs(tap - taps[taps.length - 1 - i]!) <= 1e-9)
  if (taps.length % 2 === 0 || !symmetric)
    throw new WindowError(
      'bad-resampling',
      `The bundle's filter for ${from} Hz is not an odd, symmetric one; rebuild the bundle.`,
    )
  const phases = Array.from({ length: up }, (_, r) => Float64Array.from(taps.filter((_, i) => i % up === r)).reverse())
  return { up, down, delay: (taps.length - 1) / 2, phases }
}

/**
 * Outputs `first` … `end` − 1 of the window `x`: output m stands for the instant m · down / up samples after x[0]. Beyond its
 * edges x is taken to go on at its edge value (scipy.signal.upfirdn, mode 'edge'), so nothing but x decides any output.
 */
export function resample(filter: Polyphase, x: Float32Array, y: Float32Array, first: number, end: number): void {
  const { up, down, delay, phases } = filter
  const last = x.length - 1
  // Outputs `up` apart have the same taps. Four of them at a time, because one sum alone waits for its own last addition.
  for (let start = first; start < Math.min(first + up, end); start++) {
    const position = start * down + delay
    const taps = phases[position % up]!
    let oldest = Math.floor(position / up) - taps.length + 1
    for (let m = start; m < end; ) {
      if (oldest >= 0 && oldest + taps.length - 1 + 3 * down <= last && m + 3 * up < end) {
        let a = 0
        let b = 0
        let c = 0
        let d = 0
        for (let i = 0, at = oldest; i < taps.length; i++, at++) {
          const tap = taps[i]!
          a += tap * x[at]!
          b += tap * x[at + down]!
          c += tap * x[at + 2 * down]!
          d += tap * x[at + 3 * down]!
        }
        y[m] = a
        y[m + up] = b
        y[m + 2 * up] = c
        y[m + 3 * up] = d
        m += 4 * up
        oldest += 4 * down
      } else {
        let sum = 0
        for (let i = 0; i < taps.length; i++) sum += taps[i]! * x[Math.min(Math.max(oldest + i, 0), last)]!
        y[m] = sum
        m += up
        oldest += down
      }
    }
  }
}

/** Outputs [first, end) of a window of `samples` that do not see beyond its edges: what overlapping windows may share. */
export function interior({ up, down, delay }: Polyphase, samples: number): { first: number; end: number } {
  return { first: Math.ceil(delay / down), end: Math.max(0, Math.ceil((samples * up - delay) / down)) }
}

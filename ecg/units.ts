/**
 * Numbers that know their unit. A brand costs nothing at run time; it stops microseconds from being added to milliseconds
 * and a sample index from being used as a time.
 */
declare const unit: unique symbol
type Unit<Name extends string> = number & { readonly [unit]: Name }

/** Signal amplitude, mV. */
export type Millivolts = Unit<'mV'>
/** Duration or instant on a monotonic clock, ms. */
export type Millis = Unit<'ms'>
/** Instant on the host's monotonic clock or on a device's clock since boot, µs. Exact as a double for 285 years. */
export type Microseconds = Unit<'µs'>
/** Index of a sample since the device's boot, from 0, counted at the device's own rate. */
export type SampleIndex = Unit<'sample index'>
/** Sampling rate, samples per second. */
export type Hertz = Unit<'Hz'>
/** Instant in UTC, ms since 1970-01-01T00:00:00Z, with fraction. */
export type UnixMillis = Unit<'unix ms'>

export const Millivolts = (value: number): Millivolts => value as Millivolts
export const Millis = (value: number): Millis => value as Millis
export const Microseconds = (value: number): Microseconds => value as Microseconds
export const SampleIndex = (value: number): SampleIndex => value as SampleIndex
export const Hertz = (value: number): Hertz => value as Hertz
export const UnixMillis = (value: number): UnixMillis => value as UnixMillis

/** Whole seconds as milliseconds: `Seconds(10)` instead of a bare `10000`. */
export const Seconds = (value: number): Millis => Millis(value * 1000)

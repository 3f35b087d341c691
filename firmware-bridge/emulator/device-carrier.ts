import type { Microseconds } from '../../ecg/units.js'

/** A byte stream as the device sees it. While no host is there bytes go nowhere, as on a cable. */
export interface DeviceCarrier {
  /** Where a host finds it, as a device URI. */
  readonly uri: string
  /** Takes all of it; what exceeds the bounded queue is dropped. */
  write(bytes: Uint8Array): void
  /** Whether the queue is short enough that nothing will be dropped soon. */
  ready(): boolean
  /** Whether a host is there, as far as can be known. */
  present(): boolean
  close(): Promise<void>
}

/** What the host sends; borrowed until it returns. */
export type HostBytes = (bytes: Uint8Array, arrived: Microseconds) => void

/** Bytes that may wait for a slow host: a quarter of a second of 8 channels at 500 Hz. */
export const READY_BELOW = 4 * 1024
/** Bytes that may wait at all, as in the ring of a front end. */
export const MAX_QUEUE = 64 * 1024

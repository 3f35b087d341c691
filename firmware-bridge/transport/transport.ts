import type { Microseconds } from '../../ecg/units.js'

/** A carrier of bytes: a serial port, a TCP connection. One object may be opened again after it has closed. */
export interface Transport {
  /** Rejects with a `TransportError`. */
  open(listener: TransportListener): Promise<void>
  /** Sends without waiting; what a carrier that is closed or stuck cannot take is dropped. */
  write(bytes: Uint8Array): void
  /** Ends within `CLOSE_TIMEOUT`, never rejects, and is followed by no event. */
  close(): Promise<void>
}

export interface TransportListener {
  /** Borrowed until it returns. `arrived`: when they were read, host monotonic clock. */
  bytes(bytes: Uint8Array, arrived: Microseconds): void
  /** Once, when an open carrier goes away by itself; the sentence says how. */
  closed(reason: string): void
}

/** A write queue longer than this means that nobody takes the bytes: further ones are dropped, bytes. */
export const MAX_WRITE_QUEUE = 64 * 1024

/** A kernel may keep `close` waiting for a port whose peer takes nothing; nobody else has to wait as long, ms. */
export const CLOSE_TIMEOUT = 1_000

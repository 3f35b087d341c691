import type { Microseconds } from '../../ecg/units.js'
import type { RadioFigures } from '../device-stream.js'

/**
 * A BLE peripheral as a driver needs it: like a `Transport`, but what comes and goes belongs to a characteristic, and what
 * comes is whole notifications. One object may be opened again after it has closed. UUIDs are lower case, with hyphens.
 */
export interface GattCarrier {
  /**
   * Connects, finds the profile's service, asks for the largest MTU, and subscribes to notifications or indications, whichever
   * the characteristic has. Rejects with a `TransportError`, also where the device has no such service.
   */
  open(listener: GattListener): Promise<void>
  /** Without waiting, in order; acknowledged by the peer where the characteristic allows it. */
  write(bytes: Uint8Array, characteristic?: string): void
  /** Never rejects, and is followed by no event. */
  close(): Promise<void>
  /** Of the peripheral, once a connection was open: what makes a device's identity unique that was looked for by name. */
  address?(): string | undefined
  /** Undefined while there is no connection. */
  radio?(): RadioFigures | undefined
}

export interface GattListener {
  /** Borrowed until it returns. `arrived`: host monotonic clock. */
  bytes(bytes: Uint8Array, arrived: Microseconds, characteristic?: string): void
  /** Once, when an open connection goes away by itself; the sentence says how. */
  closed(reason: string): void
}

/** Puts something between a carrier and who uses it: a capture, for example. A `Transport` is such a carrier, too. */
export type Tap = (carrier: GattCarrier) => GattCarrier

export interface GattProfile {
  readonly service: string
  /** Characteristics to subscribe to. */
  readonly notify: readonly string[]
}

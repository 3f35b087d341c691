import type { Microseconds, SampleIndex } from '../../ecg/units.js'
import type { DeviceIdentity, LinkCounters, SampleBlock } from '../device-stream.js'
import type { HostTime } from '../link/sample-clock.js'

/**
 * One vendor's protocol, pure: it does no I/O, has no timer and knows the time only from its caller. `createDriverSession`
 * gives it its states, `createDriverDevice` its carrier. How to write one: docs/adding-a-driver.md.
 */
export interface Driver {
  /** As in `?driver=NAME`; begins the identity of a device that does not say who it is. */
  readonly name: string
  /** What the operator reads of where there is none: "no OpenBCI Cyton packet". */
  readonly packet: string
  /** Begins anew with each opening of the carrier. */
  connect(link: DriverLink): DriverConnection
}

/** What a driver does with one open carrier. */
export interface DriverConnection {
  /** Any piece of a byte stream, or one whole notification of `characteristic`. Borrowed until it returns. */
  received(bytes: Uint8Array, arrived: Microseconds, characteristic?: string): void
  /** Once at the start, then every few tens of milliseconds: for commands that are due. */
  tick(now: Microseconds): void
  /** Tells the device to stop sending. */
  stop(): void
  timeOf(sample: SampleIndex): HostTime | undefined
}

/** What a driver may tell. */
export interface DriverLink {
  /** Name of the device, for its life where it has a serial number or an address: the driver's name and that. */
  readonly id: string
  /** The driver counts `packets`, `badFrames`, `unknownTypes`, `lostPackets` and `reboots`; the rest is the session's. */
  readonly counters: LinkCounters
  send(bytes: Uint8Array, characteristic?: string): void
  /** The device is what the driver takes it for. Before its first sample, and again where sample numbers start again. */
  identified(identity: DriverIdentity): void
  /** In order; a gap in the sample numbers is a loss. */
  samples(block: SampleBlock): void
  /** A sentence for the operator that stands beside the state until the next one; undefined takes it back. */
  remark(sentence: string | undefined): void
}

export type DriverIdentity = Pick<DeviceIdentity, 'id' | 'model' | 'firmware' | 'rate' | 'lsb' | 'channels'>

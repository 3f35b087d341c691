import type { Microseconds } from '../../ecg/units.js'
import type { RadioFigures } from '../device-stream.js'

/** A carrier of whole packets: BLE, where each notification or write is one, or a byte stream with frames on it. */
export interface PacketCarrier {
  /** Rejects with a `TransportError`. One object may be opened again after it has closed. */
  open(listener: PacketListener): Promise<void>
  /** Sends without waiting; what a carrier that is closed or stuck cannot take is dropped. */
  send(packet: Uint8Array): void
  /** Ends soon, never rejects, and is followed by no event. */
  close(): Promise<void>
  /** Undefined on a cable and while there is no connection. */
  radio?(): RadioFigures | undefined
}

export interface PacketListener {
  /** So many bytes arrived, whatever they hold. Comes before what they hold. */
  bytes(count: number): void
  /** Borrowed until it returns. `arrived`: when its last byte was read, host monotonic clock. */
  packet(packet: Uint8Array, arrived: Microseconds): void
  /** Something that cannot be a packet was dropped. */
  badFrame(): void
  /** Once, when an open carrier goes away by itself; the sentence says how. */
  closed(reason: string): void
}

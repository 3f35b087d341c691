/** Carries whole SMP messages: a console, ECG Link packets, or the BLE service. */
export interface SmpCarrier {
  /** For messages to people: "SMP on a console". */
  readonly name: string
  /** Rejects with a `TransportError`. One object may be opened again after it has closed. */
  open(listener: SmpListener): Promise<void>
  /** Without waiting; what does not fit or finds no carrier is lost, as on any cable. */
  send(message: Uint8Array): void
  /** Never rejects, and is followed by no event. */
  close(): Promise<void>
  /** Longest message, given the size of the server's buffer where the server tells it. */
  limit(serverBuffer: number | undefined): number
}

export interface SmpListener {
  /** Borrowed until it returns. */
  message(message: Uint8Array): void
  /** What the device says to people, where it shares the line. */
  text(line: string): void
  /** Once, when an open carrier goes away by itself; the sentence says how. */
  closed(reason: string): void
}

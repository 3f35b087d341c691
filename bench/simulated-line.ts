/** One direction of a line in simulated time: what is sent arrives in order, each piece not before its time. */
export interface SimulatedLine {
  send(arrival: number, bytes: Uint8Array): void
  /** When the next piece arrives; infinity where none is under way. */
  readonly next: number
  /** Delivers it. */
  deliver(): void
  /** What is under way is lost. */
  cut(): void
}

export function simulatedLine(receive: (bytes: Uint8Array) => void): SimulatedLine {
  let underWay: { arrival: number; bytes: Uint8Array }[] = []
  let last = 0
  return {
    send(arrival, bytes) {
      last = Math.max(last, arrival)
      underWay.push({ arrival: last, bytes })
    },
    get next() {
      return underWay[0]?.arrival ?? Number.POSITIVE_INFINITY
    },
    deliver: () => receive(underWay.shift()!.bytes),
    cut() {
      underWay = []
    },
  }
}

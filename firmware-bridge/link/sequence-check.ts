/** What a packet's sequence number says about it. */
export type SequenceVerdict = 'next' | 'late' | 'duplicate'

export interface SequenceCheck {
  /** Numbers skipped and not (yet) received. */
  readonly lost: number
  /** `time`: the sender's clock in the packet, µs. */
  note(sequence: number, time: number): SequenceVerdict
  /** The sender began again (reboot); what was lost stays lost. */
  restart(): void
}

/**
 * How far back a late packet is told from a repeated one, in packets: more than any carrier reorders. What seems to be older
 * is newer: after an outage a device that sent on for a quarter of an hour is tens of thousands of packets ahead.
 */
const MEMORY = 1024
const NUMBERS = 0x1_0000
/** A packet whose clock is so much newer than any before, µs, is not one of them that comes late, whatever its number. */
const NEWER_BY = 10_000_000

/** Loss by the 16-bit sequence number, across its wrap. */
export function createSequenceCheck(): SequenceCheck {
  /** 1 = received, or from before the first packet, which counts as neither lost nor late; position = sequence mod MEMORY. */
  const received = new Uint8Array(MEMORY).fill(1)
  let newest = -1
  let newestTime = 0
  let lost = 0

  function note(sequence: number, time: number): SequenceVerdict {
    const newer = time - newestTime > NEWER_BY
    newestTime = Math.max(newestTime, time)
    const ahead = newest < 0 ? 1 : (sequence - newest) & 0xffff || NUMBERS
    if (newer || ahead <= NUMBERS - MEMORY) {
      lost += ahead - 1
      if (ahead >= MEMORY) received.fill(0)
      else for (let skipped = 1; skipped < ahead; skipped++) received[(newest + skipped) % MEMORY] = 0
      received[sequence % MEMORY] = 1
      newest = sequence
      return 'next'
    }
    if (received[sequence % MEMORY]) return 'duplicate'
    received[sequence % MEMORY] = 1
    lost--
    return 'late'
  }

  return {
    get lost() {
      return lost
    },
    note,
    restart() {
      newest = -1
      newestTime = 0
      received.fill(1)
    },
  }
}

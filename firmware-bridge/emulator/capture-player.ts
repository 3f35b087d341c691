import type { Microseconds } from '../../ecg/units.js'
import { type CaptureEntry, CaptureKind } from '../recording/capture-format.js'
import { DEFAULT_DRIVER } from '../transport/device-uri.js'
import { createStartGate } from './start-gate.js'

/** A captured device, played: the same bytes in the same pieces, with the same time between them. Pure, as a device session is. */
export interface CapturePlayer {
  /** Everything has been sent. */
  readonly ended: boolean
  /** What the host sends. */
  host(bytes: Uint8Array): void
  /** Sends what is due. `present`: there is a host; `ready`: it takes more. */
  tick(now: Microseconds, present: boolean, ready?: () => boolean): void
  /** Time rests until the next tick. */
  rest(): void
}

export interface CapturePlayerOptions {
  readonly entries: Iterable<CaptureEntry>
  /** Protocol of the capture. */
  readonly driver: string
  /** So many times faster than it happened. */
  readonly speed: number
}

/**
 * Time runs from when the host is there or, where the captured host spoke first, from its first word; it rests while an ECG Link
 * host has not yet asked for the samples that are due.
 */
export function createCapturePlayer(options: CapturePlayerOptions, send: (bytes: Uint8Array) => void): CapturePlayer {
  const gate = options.driver === DEFAULT_DRIVER ? createStartGate() : undefined
  const entries = options.entries[Symbol.iterator]()
  let hostSpeaksFirst = false
  let next = nextFromDevice(() => {
    hostSpeaksFirst = true
  })
  let played: number = next?.at ?? 0
  let last: number | undefined
  /** Whether `next` must wait for START; undefined until it is due. */
  let held: boolean | undefined
  let spoken = false

  function nextFromDevice(toDevice: () => void = () => {}): CaptureEntry | undefined {
    for (;;) {
      const { value, done } = entries.next()
      if (done) return undefined
      if (value.kind === CaptureKind.FromDevice) return value
      if (value.kind === CaptureKind.ToDevice) toDevice()
    }
  }

  function tick(now: Microseconds, present: boolean, ready = () => true) {
    if (last === undefined && !(present && (spoken || !hostSpeaksFirst))) return
    played += (now - (last ?? now)) * options.speed
    last = now
    while (next && next.at <= played) {
      held ??= gate?.closedFor(next.payload) ?? false
      if (held && !gate!.open) {
        played = next.at
        return
      }
      if (!ready()) return
      send(next.payload)
      next = nextFromDevice()
      held = undefined
    }
  }

  return {
    get ended() {
      return next === undefined
    },
    host(bytes) {
      spoken = true
      gate?.host(bytes)
    },
    tick,
    rest() {
      last = undefined
    },
  }
}

import type { Microseconds } from '../../ecg/units.js'
import { encodeFrame } from '../link/cobs.js'
import { type CaptureEntry, CaptureKind, decodeCharacteristicValue } from '../recording/capture-format.js'
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

/** What a captured device sent at once. */
interface Piece {
  readonly at: Microseconds
  readonly bytes: Uint8Array
  /** Of a BLE device of a vendor. */
  readonly characteristic: string | undefined
}

/**
 * ECG Link from a BLE device is played on a carrier of bytes, each notification as a frame. Time runs from when the host is there or, where the captured host spoke first, from its first word; it rests while an ECG Link
 * host has not yet asked for the samples that are due.
 */
export function createCapturePlayer(
  options: CapturePlayerOptions,
  send: (bytes: Uint8Array, characteristic?: string) => void,
): CapturePlayer {
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

  function nextFromDevice(toDevice: () => void = () => {}): Piece | undefined {
    for (;;) {
      const { value: entry, done } = entries.next()
      if (done) return undefined
      const { kind, at, payload } = entry as CaptureEntry
      if (kind === CaptureKind.FromDevice) return { at, bytes: payload, characteristic: undefined }
      const notified = kind === CaptureKind.Notified ? decodeCharacteristicValue(payload) : undefined
      if (notified && gate) return { at, bytes: encodeFrame(notified.value), characteristic: undefined }
      if (notified) return { at, bytes: notified.value, characteristic: notified.characteristic }
      if (kind === CaptureKind.ToDevice || kind === CaptureKind.Written) toDevice()
    }
  }

  function tick(now: Microseconds, present: boolean, ready = () => true) {
    if (last === undefined && !(present && (spoken || !hostSpeaksFirst))) return
    played += (now - (last ?? now)) * options.speed
    last = now
    while (next && next.at <= played) {
      held ??= gate?.closedFor(next.bytes) ?? false
      if (held && !gate!.open) {
        played = next.at
        return
      }
      if (!ready()) return
      send(next.bytes, next.characteristic)
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

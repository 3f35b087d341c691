import { type FileHandle, open } from 'node:fs/promises'
import { Microseconds } from '../../ecg/units.js'
import type { Tap } from '../transport/gatt.js'
import {
  CAPTURE_MAGIC,
  type CaptureHeader,
  CaptureKind,
  encodeCaptureEntry,
  encodeCharacteristicValue,
} from './capture-format.js'
import type { DiskQueue } from './disk-queue.js'
import { MOST_BYTES } from './recording-file.js'
import { writeAt } from './write-at.js'

export interface CaptureWriter {
  /** Every byte of the carrier that is put in here goes to the capture, too. */
  readonly tap: Tap
  /** Bytes of the file so far. */
  readonly bytes: number
  /** Entries beyond what a reader takes, which were not written. */
  readonly omitted: number
  /** Puts on the disk itself what the system has taken. */
  sync(): void
  close(): void
}

/** A capture that grows on disk. `now`: host monotonic clock. */
export function createCaptureWriter(
  path: string,
  header: CaptureHeader,
  queue: DiskQueue,
  now: () => Microseconds,
): CaptureWriter {
  const began = now()
  let file: FileHandle | undefined
  let bytes = 0
  let omitted = 0

  function append(piece: Uint8Array) {
    if (bytes + piece.length > MOST_BYTES) {
      omitted++
      return
    }
    const position = bytes
    bytes += piece.length
    queue.add(piece.length, () => writeAt(file!, position, piece))
  }

  /** A copy of what is borrowed, or text. */
  function note(kind: number, at: Microseconds, payload: Uint8Array = new Uint8Array(0)) {
    append(encodeCaptureEntry({ kind, at: Microseconds(Math.max(0, at - began)), payload }))
  }

  queue.add(0, async () => {
    file = await open(path, 'wx')
  })
  append(CAPTURE_MAGIC)
  note(CaptureKind.Header, began, Buffer.from(JSON.stringify(header)))

  return {
    tap: carrier => ({
      async open(listener) {
        await carrier.open({
          bytes(received, arrived, characteristic) {
            if (characteristic === undefined) note(CaptureKind.FromDevice, arrived, received)
            else note(CaptureKind.Notified, arrived, encodeCharacteristicValue(characteristic, received))
            listener.bytes(received, arrived, characteristic)
          },
          closed(reason) {
            note(CaptureKind.Closed, now(), Buffer.from(reason))
            listener.closed(reason)
          },
        })
        note(CaptureKind.Opened, now(), Buffer.from(carrier.address?.() ?? ''))
      },
      write(sent, characteristic) {
        if (characteristic === undefined) note(CaptureKind.ToDevice, now(), sent)
        else note(CaptureKind.Written, now(), encodeCharacteristicValue(characteristic, sent))
        carrier.write(sent, characteristic)
      },
      close: () => carrier.close(),
      address: () => carrier.address?.(),
      radio: () => carrier.radio?.(),
    }),
    get bytes() {
      return bytes
    },
    get omitted() {
      return omitted
    },
    sync: () => queue.add(0, async () => file?.datasync()),
    close: () => queue.add(0, async () => file?.close()),
  }
}

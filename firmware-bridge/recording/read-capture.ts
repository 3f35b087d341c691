import {
  CAPTURE_MAGIC,
  CAPTURE_SUFFIX,
  type CaptureEntry,
  type CaptureHeader,
  CaptureKind,
  decodeCaptureEntry,
} from './capture-format.js'
import { RecordingError } from './recording-error.js'
import { readBytes } from './recording-file.js'

export interface Capture {
  readonly header: CaptureHeader
  /** Of the BLE peripheral that was captured, when it was first open. */
  readonly address: string | undefined
  /** Whether anything came from the device, and whether as notifications of BLE, not on a carrier of bytes. */
  readonly spoken: boolean
  readonly notified: boolean
  /** All that follow the header. */
  entries(): Generator<CaptureEntry>
  /** Bytes at the end that are no whole entry: its writer was stopped in the middle of one, or the file is damaged there. */
  readonly unread: number
}

export const isCapturePath = (path: string): boolean => path.endsWith(CAPTURE_SUFFIX)

export async function readCapture(path: string): Promise<Capture> {
  const bytes = await readBytes(path, () => new RecordingError('not-found', `There is no capture ${path}.`))
  const header = headerOf(bytes)
  if (!header) throw new RecordingError('not-a-record', `${path} is not a capture, or it was cut before its header.`)
  let end = header.next
  for (let found = decodeCaptureEntry(bytes, end); found; found = decodeCaptureEntry(bytes, end)) end = found.next

  function* entries() {
    for (let at = header!.next; at < end; ) {
      const { entry, next } = decodeCaptureEntry(bytes, at)!
      yield entry
      at = next
    }
  }

  let address: string | undefined
  let spoken = false
  let notified = false
  for (const { kind, payload } of entries()) {
    if (kind === CaptureKind.Opened && payload.length > 0) address ??= new TextDecoder().decode(payload)
    notified ||= kind === CaptureKind.Notified
    spoken ||= notified || kind === CaptureKind.FromDevice
  }
  return { header: header.header, address, spoken, notified, entries, unread: bytes.length - end }
}

function headerOf(bytes: Uint8Array): { header: CaptureHeader; next: number } | undefined {
  if (!CAPTURE_MAGIC.every((byte, i) => bytes[i] === byte)) return undefined
  const first = decodeCaptureEntry(bytes, CAPTURE_MAGIC.length)
  if (first?.entry.kind !== CaptureKind.Header) return undefined
  try {
    const { uri, driver, began } = JSON.parse(new TextDecoder().decode(first.entry.payload)) as CaptureHeader
    return { header: { uri: String(uri), driver: String(driver), began: String(began) }, next: first.next }
  } catch {
    return undefined
  }
}

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Microseconds, SampleIndex, type UnixMillis } from '../../ecg/units.js'
import type { DeviceIdentity, DeviceListener, DeviceState, SampleTime } from '../device-stream.js'
import type { Tap } from '../transport/gatt.js'
import { CAPTURE_SUFFIX } from './capture-format.js'
import { createCaptureWriter } from './capture-writer.js'
import { createDiskQueue } from './disk-queue.js'
import type { RecordingError } from './recording-error.js'
import { MOST_BYTES } from './recording-file.js'
import { WRITTEN_FORMATS } from './wfdb-format.js'
import { createWfdbWriter, type WfdbFigures, type WfdbWriter } from './wfdb-writer.js'

/** How much a power cut may take of what has been recorded, ms. */
const SYNC_EVERY = 1_000
/** In the format that a record may end up in. */
const MOST_VALUE_BYTES = WRITTEN_FORMATS[1].bytesPerSample

export interface DeviceRecorderOptions {
  readonly folder: string
  /** Of the capture and of the first record; each further boot gets a record of its own, NAME_2 and so on where nothing is. */
  readonly name: string
  readonly uri: string
  readonly driver: string
  timeOf(sample: SampleIndex): SampleTime | undefined
  monotonic(): Microseconds
  utc(): UnixMillis
  /** The disk takes no more; what it has is kept. */
  failed(failure: RecordingError): void
}

/** What a device sends, on disk: WFDB as it is understood, and a capture of the bytes that it was. */
export interface DeviceRecorder {
  /** For the device's carrier. */
  readonly tap: Tap
  readonly listener: DeviceListener
  readonly records: readonly Readonly<WfdbFigures>[]
  readonly capture: { readonly path: string; readonly bytes: number; readonly omitted: number }
  /** As the device stands now. */
  readonly state: { readonly state: DeviceState; readonly reason: string }
  /** Ends the files; the device is to be stopped before. */
  close(): Promise<void>
}

export function createDeviceRecorder(options: DeviceRecorderOptions): DeviceRecorder {
  const { folder, name, uri, driver } = options
  const queue = createDiskQueue(folder, options.failed)
  const path = join(folder, `${name}${CAPTURE_SUFFIX}`)
  const began = new Date(options.utc()).toISOString()
  const capture = createCaptureWriter(path, { uri, driver, began }, queue, options.monotonic)
  const records: WfdbFigures[] = []
  let part = 1
  let identity: DeviceIdentity | undefined
  let record: WfdbWriter | undefined
  /** Of the record's first sample: the best known so far, because a clock that has drifted for a day knows less of it. */
  let start: SampleTime | undefined
  let state: DeviceRecorder['state'] = { state: 'connecting', reason: 'not yet opened' }

  const timer = setInterval(() => {
    if (record) noteStart(record)
    capture.sync()
    record?.sync()
  }, SYNC_EVERY)

  function noteStart({ figures }: WfdbWriter) {
    const time = options.timeOf(figures.first)
    if (time && !(start && start.uncertaintyMs <= time.uncertaintyMs)) start = time
  }

  function beginRecord(device: DeviceIdentity, first: SampleIndex): WfdbWriter {
    if (records.length > 0) part++
    while (part > 1 && isTaken(folder, `${name}_${part}`)) part++
    const begun = createWfdbWriter(folder, part === 1 ? name : `${name}_${part}`, device, first, queue)
    records.push(begun.figures)
    return begun
  }

  function endRecord() {
    if (!record) return
    noteStart(record)
    record.close(start)
    record = undefined
    start = undefined
  }

  const tooLong = (end: number, { figures }: WfdbWriter, { channels }: DeviceIdentity) =>
    (end - figures.first) * channels.length * MOST_VALUE_BYTES > MOST_BYTES

  return {
    tap: capture.tap,
    listener: {
      identified(next) {
        endRecord()
        identity = next
      },
      samples(block) {
        if (!identity) return
        if (record && tooLong(block.first + block.count, record, identity)) endRecord()
        record ??= beginRecord(identity, SampleIndex(block.first))
        record.put(block)
      },
      state(next, reason) {
        state = { state: next, reason }
      },
      status: () => {},
      event: () => {},
    },
    records,
    capture: {
      path,
      get bytes() {
        return capture.bytes
      },
      get omitted() {
        return capture.omitted
      },
    },
    get state() {
      return state
    },
    async close() {
      clearInterval(timer)
      endRecord()
      capture.close()
      await queue.idle()
    },
  }
}

/** By an earlier recording, or NAME_24 by the data of NAME itself in format 24. */
const isTaken = (folder: string, record: string): boolean =>
  [`${record}.hea`, `${record}.dat`].some(file => existsSync(join(folder, file)))

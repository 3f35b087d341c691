import { type FileHandle, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { SampleIndex } from '../../ecg/units.js'
import type { DeviceIdentity, SampleBlock, SampleTime } from '../device-stream.js'
import type { DiskQueue } from './disk-queue.js'
import { MISSING_COUNT } from './recording.js'
import { WRITTEN_FORMATS, type WrittenFormat } from './wfdb-format.js'
import { wfdbHeaderText } from './wfdb-header-text.js'
import { writeAt } from './write-at.js'

const [NARROW, WIDE] = WRITTEN_FORMATS
/** Samples (of one channel) that are filled in or converted at a time. */
const CHUNK = 16 * 1024

/** One WFDB record that grows on disk. At every instant its header and what is written of its data are a valid record. */
export interface WfdbWriter {
  readonly figures: WfdbFigures
  /** Every sample once, in any order: those between the newest so far and this block are missing until they come. */
  put(block: SampleBlock): void
  sync(): void
  /** Writes the length and the sums. `start`: when sample `first` was taken. */
  close(start: SampleTime | undefined): void
}

export interface WfdbFigures {
  /** Path, without ".hea". */
  readonly record: string
  /** The device's index of the record's first sample. */
  readonly first: SampleIndex
  samples: number
  /** How many of `samples` never came. */
  missing: number
  /** Samples from before `first`, which came too late to be placed. */
  early: number
  /** Values that lie beyond 24 bits, or at the one that stands for "missing", and were written as the nearest there is. */
  clipped: number
  format: WrittenFormat['number']
}

export function createWfdbWriter(
  folder: string,
  name: string,
  identity: DeviceIdentity,
  first: SampleIndex,
  queue: DiskQueue,
): WfdbWriter {
  const { channels, lsb, rate } = identity
  const figures: WfdbFigures = {
    record: join(folder, name),
    first,
    samples: 0,
    missing: 0,
    early: 0,
    clipped: 0,
    format: NARROW.number,
  }
  /** Of each channel: sum of the counts that are there, how many are not, and the first one. */
  const sums = new Float64Array(channels.length)
  const gaps = new Float64Array(channels.length)
  const firsts = new Float64Array(channels.length)
  let format: WrittenFormat = NARROW
  let data: FileHandle
  let header: FileHandle

  const fileOf = ({ number }: WrittenFormat) => (number === NARROW.number ? `${name}.dat` : `${name}_${number}.dat`)
  const bytesOf = (samples: number) => samples * channels.length * format.bytesPerSample

  function headerText(samples?: number, start?: SampleTime): string {
    const { missing } = format
    return wfdbHeaderText({
      name,
      file: fileOf(format),
      format,
      rate,
      samples,
      start: start?.utc,
      signals: channels.map((channel, c) => ({
        name: oneLine(channel),
        lsb,
        baseline: 0,
        first: firsts[c] === MISSING_COUNT ? missing : firsts[c]!,
        sum: sums[c]! + gaps[c]! * missing,
      })),
      comments: [
        `device ${oneLine(identity.id)}, ${oneLine(identity.model)}, firmware ${oneLine(identity.firmware)}`,
        `boot ${identity.boot}, first sample ${first}`,
        ...(start ? [`start ${new Date(start.utc).toISOString()} within ${start.uncertaintyMs.toFixed(1)} ms`] : []),
      ],
    })
  }

  async function writeHeader(text: string) {
    const bytes = Buffer.from(text)
    await writeAt(header, 0, bytes)
    await header.truncate(bytes.length)
  }

  function put(block: SampleBlock) {
    const from = block.first - first
    const end = from + block.count
    if (from < 0) {
      figures.early += block.count
      return
    }
    if (format === NARROW && !fits(block)) widen()
    if (from > figures.samples) fill(from)
    const late = Math.max(0, Math.min(end, figures.samples) - from)
    for (let c = 0; c < channels.length; c++) gaps[c]! -= late
    figures.missing -= late
    figures.samples = Math.max(figures.samples, end)
    const bytes = encode(block)
    const position = bytesOf(from)
    queue.add(bytes.length, () => writeAt(data, position, bytes))
  }

  function encode(block: SampleBlock): Uint8Array {
    const bytes = new Uint8Array(bytesOf(block.count))
    for (let i = 0, c = 0; i < block.count * block.channels; i++, c = (c + 1) % block.channels) {
      const value = block.values[i]!
      const there = value !== MISSING_COUNT
      const written = there ? nearest(value) : format.missing
      if (there) sums[c]! += written
      else gaps[c]!++
      if (block.first === first && i === c) firsts[c] = there ? written : value
      format.put(bytes, i, written)
    }
    return bytes
  }

  function nearest(value: number): number {
    const written = Math.max(format.missing + 1, Math.min(format.highest, value))
    if (written !== value) figures.clipped++
    return written
  }

  /** Up to sample `end` of the record everything is missing. */
  function fill(end: number) {
    const begin = figures.samples
    figures.samples = end
    figures.missing += end - begin
    for (let c = 0; c < channels.length; c++) gaps[c]! += end - begin
    const into = format
    const piece = new Uint8Array(bytesOf(Math.min(CHUNK, end - begin)))
    for (let i = 0; i < piece.length / into.bytesPerSample; i++) into.put(piece, i, into.missing)
    const [position, length] = [bytesOf(begin), bytesOf(end - begin)]
    queue.add(piece.length, async () => {
      for (let done = 0; done < length; done += piece.length)
        await writeAt(data, position + done, piece.subarray(0, length - done))
    })
  }

  /** A value does not fit: what has been written is written again in the wider format, which then has the header point to it. */
  function widen() {
    format = WIDE
    figures.format = WIDE.number
    const text = headerText()
    queue.add(0, async () => {
      const narrow = data
      data = await open(join(folder, fileOf(WIDE)), 'wx')
      await convert(narrow, data)
      await writeHeader(text)
      await narrow.close()
      await unlink(join(folder, fileOf(NARROW)))
    })
  }

  const initial = headerText()
  queue.add(0, async () => {
    data = await open(join(folder, fileOf(NARROW)), 'wx+')
    header = await open(join(folder, `${name}.hea`), 'wx')
    await writeHeader(initial)
  })

  return {
    figures,
    put,
    sync: () => queue.add(0, () => data.datasync()),
    close(start) {
      const text = headerText(figures.samples, start)
      queue.add(0, async () => {
        await data.datasync()
        await writeHeader(text)
        await header.datasync()
        await data.close()
        await header.close()
      })
    },
  }
}

function fits({ values, count, channels }: SampleBlock): boolean {
  for (let i = 0; i < count * channels; i++) {
    const value = values[i]!
    if (value !== MISSING_COUNT && (value <= NARROW.missing || value > NARROW.highest)) return false
  }
  return true
}

async function convert(narrow: FileHandle, wide: FileHandle): Promise<void> {
  const before = new Uint8Array(CHUNK * NARROW.bytesPerSample)
  const after = new Uint8Array(CHUNK * WIDE.bytesPerSample)
  for (let done = 0; ; ) {
    const { bytesRead } = await narrow.read(before, 0, before.length, done * NARROW.bytesPerSample)
    const samples = Math.floor(bytesRead / NARROW.bytesPerSample)
    if (samples === 0) return
    for (let i = 0; i < samples; i++) {
      const count = NARROW.at(before, i)
      WIDE.put(after, i, count === NARROW.missing ? WIDE.missing : count)
    }
    await writeAt(wide, done * WIDE.bytesPerSample, after.subarray(0, samples * WIDE.bytesPerSample))
    done += samples
  }
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim()

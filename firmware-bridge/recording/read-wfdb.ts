import { basename, dirname, join } from 'node:path'
import { Hertz, Millivolts } from '../../ecg/units.js'
import { MISSING_COUNT, type RecordedChannel } from './recording.js'
import { RecordingError } from './recording-error.js'
import { millivoltsPer, type RecordingFile, readBytes, signalsToKeep } from './recording-file.js'
import { WFDB_FORMATS, type WfdbFormat } from './wfdb-format.js'
import { parseWfdbHeader, type WfdbHeader, type WfdbSignal } from './wfdb-header.js'

/** A header of 1024 long lines is a tenth of this. */
const MOST_HEADER_BYTES = 2 ** 20

/** Reads a WFDB record, given with or without ".hea": one segment, formats 16, 24, 80 and 212. */
export async function readWfdb(path: string): Promise<RecordingFile> {
  const headerPath = path.endsWith('.hea') ? path : `${path}.hea`
  const noRecord = (): RecordingError =>
    new RecordingError('not-found', `There is no WFDB record ${path}: ${headerPath} does not exist.`)
  const header = parseWfdbHeader(headerText(await readBytes(headerPath, noRecord, MOST_HEADER_BYTES)), headerPath)
  const files = new Map<string, Uint8Array>()
  for (const file of new Set(header.signals.map(signal => signal.file))) {
    const dataPath = join(dirname(headerPath), file)
    const noData = (): RecordingError =>
      new RecordingError('data-missing', `The data of ${headerPath} are missing: ${dataPath} does not exist.`)
    files.set(file, await readBytes(dataPath, noData))
  }
  return decodeWfdb(header, files, basename(headerPath, '.hea'))
}

/** Headers are ASCII but for a µ here and there, in whatever encoding their writer had. */
function headerText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder('latin1').decode(bytes)
  }
}

/** The samples of one signal within its file. */
interface Placed {
  readonly signal: WfdbSignal
  readonly format: WfdbFormat
  readonly bytes: Uint8Array
  /** Samples of all the file's signals in one frame. */
  readonly frameSamples: number
  /** Samples of the signals before this one in a frame. */
  readonly offset: number
}

function decodeWfdb(header: WfdbHeader, files: ReadonlyMap<string, Uint8Array>, name: string): RecordingFile {
  const notes: string[] = []
  const placed = header.signals.map((signal, i) => place(signal, i, header, files))
  const frames = header.frames ?? Math.min(...placed.map(wholeFrames))
  for (const each of placed) {
    const found = wholeFrames(each)
    if (found < frames || frames === 0)
      throw new RecordingError(
        'truncated',
        `${each.signal.file} holds ${found} samples per signal, and the header of ${name} says ${header.frames ?? 'at least 1'}.`,
      )
  }
  const named = placed.map((each, i) => ({
    ...each.signal,
    name: each.signal.description || `channel ${i + 1}`,
    placed: each,
  }))
  const kept = signalsToKeep(named, name, notes)
  const channels = kept.map(({ name, skew, checksum, placed }): RecordedChannel => {
    const { counts, sum } = decode(placed, frames)
    if (skew !== 0) notes.push(`The skew of channel ${name} (${skew} samples) is not corrected.`)
    // A recorder that did not come to fill in the length did not come to fill in the sums.
    if (header.frames !== undefined && checksum !== undefined && checksum !== sum)
      notes.push(`The checksum of channel ${name} does not hold: the header says ${checksum}, its samples give ${sum}.`)
    const { units, gain, baseline } = placed.signal
    return { name, lsb: Millivolts(millivoltsPer(units)! / gain), baseline, counts }
  })
  const { samplesPerFrame } = kept[0]!
  const recording = { name, rate: Hertz(header.rate * samplesPerFrame), samples: frames * samplesPerFrame, channels }
  return { recording, notes }
}

function place(signal: WfdbSignal, index: number, header: WfdbHeader, files: ReadonlyMap<string, Uint8Array>): Placed {
  const format = WFDB_FORMATS[signal.format]
  if (!format) {
    const known = Object.keys(WFDB_FORMATS).join(', ')
    throw new RecordingError(
      'unsupported',
      `${signal.file} is in WFDB format ${signal.format}; only ${known} are read.`,
    )
  }
  const others = header.signals.filter(({ file }) => file === signal.file)
  if (others.some(other => other.format !== signal.format || other.byteOffset !== others[0]!.byteOffset))
    throw new RecordingError(
      'not-a-record',
      `The header of ${header.name} gives ${signal.file} in two different formats.`,
    )
  const samples = (signals: readonly WfdbSignal[]) => signals.reduce((sum, s) => sum + s.samplesPerFrame, 0)
  return {
    signal,
    format,
    bytes: files.get(signal.file)!.subarray(others[0]!.byteOffset),
    frameSamples: samples(others),
    offset: samples(header.signals.slice(0, index).filter(({ file }) => file === signal.file)),
  }
}

const wholeFrames = ({ format, bytes, frameSamples }: Placed): number =>
  Math.floor(Math.floor(bytes.length / format.bytesPerSample) / frameSamples)

/** `sum`: of all counts as stored, modulo 65536. */
function decode(
  { signal, format, bytes, frameSamples, offset }: Placed,
  frames: number,
): { counts: Int32Array; sum: number } {
  const { samplesPerFrame } = signal
  const counts = new Int32Array(frames * samplesPerFrame)
  let sum = 0
  let at = 0
  for (let frame = 0; frame < frames; frame++)
    for (let s = 0; s < samplesPerFrame; s++) {
      const count = format.at(bytes, frame * frameSamples + offset + s)
      sum = (sum + count) & 0xffff
      counts[at++] = count === format.missing ? MISSING_COUNT : count
    }
  return { counts, sum }
}

import { basename, extname } from 'node:path'
import { Hertz, Millivolts } from '../../ecg/units.js'
import type { RecordedChannel } from './recording.js'
import { RecordingError } from './recording-error.js'
import { millivoltsPer, type RecordingFile, readBytes, type StoredSignal, signalsToKeep } from './recording-file.js'
import { WFDB_FORMATS } from './wfdb-format.js'

/** Reads an EDF or a continuous EDF+ file (edfplus.info). Annotations are left out. */
export async function readEdf(path: string): Promise<RecordingFile> {
  const noFile = (): RecordingError => new RecordingError('not-found', `There is no EDF file ${path}.`)
  return decodeEdf(await readBytes(path, noFile), basename(path, extname(path)))
}

/** Bytes of the fixed header; each signal adds as many. */
const HEADER = 256

interface EdfHeader {
  /** Data records: what WFDB calls frames. */
  readonly frames: number
  /** Duration of a data record. */
  readonly seconds: number
  readonly signals: readonly EdfSignal[]
}

interface EdfSignal extends StoredSignal {
  /** Samples of the signals before this one in a data record. */
  readonly offset: number
  /** What the lowest and highest counts stand for, in `units`. */
  readonly physical: readonly [number, number]
  readonly digital: readonly [number, number]
}

function decodeEdf(bytes: Uint8Array, name: string): RecordingFile {
  const notes: string[] = []
  const { frames, seconds, signals } = parseHeader(bytes, name)
  const data = bytes.subarray(HEADER * (signals.length + 1))
  const frameSamples = signals.reduce((sum, { samplesPerFrame }) => sum + samplesPerFrame, 0)
  const found = frameSamples > 0 ? Math.floor(data.length / 2 / frameSamples) : 0
  const wanted = frames === -1 ? found : frames // −1: the recorder did not come to fill it in
  if (!(found >= wanted && wanted > 0))
    throw new RecordingError('truncated', `${name} holds ${found} data records, and its header says ${frames}.`)
  const kept = signalsToKeep(
    signals.filter(({ name, samplesPerFrame }) => samplesPerFrame > 0 && !/^(EDF|BDF) Annotations$/.test(name)),
    name,
    notes,
  )
  const channels = kept.map(signal => decode(signal, data, frameSamples, wanted, name))
  const { samplesPerFrame } = kept[0]!
  const rate = Hertz(samplesPerFrame / seconds)
  return { recording: { name, rate, samples: wanted * samplesPerFrame, channels }, notes }
}

function parseHeader(bytes: Uint8Array, name: string): EdfHeader {
  const fail = (what: string): never => {
    throw new RecordingError('not-a-record', `${name} is not an EDF file: ${what}.`)
  }
  let at = 0
  const text = (width: number): string => {
    at += width
    return LATIN1.decode(bytes.subarray(at - width, at)).trim()
  }
  const number = (value: string, what: string): number =>
    /^[+-]?[\d.]+(e[+-]?\d+)?$/i.test(value) && Number.isFinite(Number(value))
      ? Number(value)
      : fail(`"${value}" is no ${what}`)
  if (text(8) !== '0') fail('it does not begin with version 0')
  text(80) // patient
  text(80) // recording
  text(16) // start
  const headerBytes = number(text(8), 'header length')
  const flavour = text(44)
  const frames = number(text(8), 'number of data records')
  const seconds = number(text(8), 'duration of a data record')
  const count = number(text(4), 'number of signals')
  if (flavour.startsWith('EDF+D'))
    throw new RecordingError('unsupported', `${name} is a discontinuous EDF+ file, which is not supported; split it.`)
  if (!(count >= 1) || headerBytes !== HEADER * (count + 1))
    fail(`${headerBytes} bytes are no header of ${count} signals`)
  if (!Number.isInteger(frames) || frames < -1) fail(`${frames} is no number of data records`)
  if (!(seconds > 0)) fail(`${seconds} s is no duration of a data record`)
  if (bytes.length < headerBytes) throw new RecordingError('truncated', `${name} ends within its header.`)

  const column = (width: number): string[] => Array.from({ length: count }, () => text(width))
  const labels = column(16)
  column(80) // transducers
  const units = column(8)
  const [physicalLow, physicalHigh, digitalLow, digitalHigh] = [column(8), column(8), column(8), column(8)]
  column(80) // filters
  const samples = column(8).map(value => number(value, 'number of samples per data record'))
  if (samples.some(value => !Number.isInteger(value) || value < 0)) fail('a signal has no whole number of samples')
  let offset = 0
  const signals = labels.map((label, i): EdfSignal => {
    const limits = (low: readonly string[], high: readonly string[]): [number, number] => [
      number(low[i]!, `lower limit of ${label}`),
      number(high[i]!, `upper limit of ${label}`),
    ]
    offset += samples[i]!
    return {
      name: label.replace(/^(ECG|EKG) +/i, ''), // EDF+ puts the kind of signal before its name
      units: units[i]!,
      samplesPerFrame: samples[i]!,
      offset: offset - samples[i]!,
      physical: limits(physicalLow, physicalHigh),
      digital: limits(digitalLow, digitalHigh),
    }
  })
  return { frames, seconds, signals }
}

function decode(
  signal: EdfSignal,
  data: Uint8Array,
  frameSamples: number,
  frames: number,
  file: string,
): RecordedChannel {
  const { name, units, samplesPerFrame, offset, physical, digital } = signal
  const perCount = (physical[1] - physical[0]) / (digital[1] - digital[0])
  const baseline = digital[0] - physical[0] / perCount
  if (!Number.isFinite(perCount) || !Number.isFinite(baseline))
    throw new RecordingError('not-a-record', `${file} is not an EDF file: the range of ${name} is empty.`)
  const counts = new Int32Array(frames * samplesPerFrame)
  let at = 0
  for (let frame = 0; frame < frames; frame++)
    for (let s = 0; s < samplesPerFrame; s++) counts[at++] = INT16.at(data, frame * frameSamples + offset + s)
  return { name, lsb: Millivolts(perCount * millivoltsPer(units)!), baseline: snapped(baseline), counts }
}

/** Limits are written with 8 characters; a baseline this close to a whole number is one. */
const snapped = (baseline: number): number =>
  Math.abs(baseline - Math.round(baseline)) < 1e-6 ? Math.round(baseline) : baseline

/** EDF stores what WFDB calls format 16, but knows no missing samples. */
const INT16 = WFDB_FORMATS[16]!
const LATIN1 = new TextDecoder('latin1')

import { RecordingError } from './recording-error.js'

/** A record's .hea file, as header(5) of the WFDB Applications Guide defines it. */
export interface WfdbHeader {
  readonly name: string
  /** Frames per second. */
  readonly rate: number
  /** Frames; undefined where the header leaves it to the data's length. */
  readonly frames: number | undefined
  readonly signals: readonly WfdbSignal[]
}

export interface WfdbSignal {
  /** In the header's folder. */
  readonly file: string
  readonly format: number
  readonly samplesPerFrame: number
  /** Frames by which the signal lags behind the others. */
  readonly skew: number
  /** Bytes before the first sample in the file. */
  readonly byteOffset: number
  /** Counts per unit. */
  readonly gain: number
  readonly baseline: number
  readonly units: string
  /** Sum of all counts modulo 65536; undefined where the header has none. */
  readonly checksum: number | undefined
  readonly description: string
}

/** Real records have tens of signals; a number beyond this is a damaged file. */
const MOST_SIGNALS = 1024
/** Gains, their inverses and baselines beyond this are no scale of any converter. */
const MOST = 2 ** 32
/** Counts per mV where a header gives none or 0: WFDB's own default. */
const DEFAULT_GAIN = 200
/** Hz where a header gives none: WFDB's own default. */
const DEFAULT_RATE = 250

const NUMBER = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?`
/** In the header's own folder; not "-" or "~" either, WFDB's words for standard input and for no file. */
const PLAIN_FILE = /^\w[\w.+-]*$/
const FORMAT = /^(\d+)(?:x(\d+))?(?::(-?\d+))?(?:\+(\d+))?$/
const GAIN = new RegExp(String.raw`^(${NUMBER})(?:\(([+-]?\d+)\))?(?:/(\S+))?$`)
const RATE = new RegExp(`^(${NUMBER})(?:/.*)?$`)

/** `text`: the whole .hea file; `source`: its path, for messages. */
export function parseWfdbHeader(text: string, source: string): WfdbHeader {
  const fail = (what: string): never => {
    throw new RecordingError('not-a-record', `${source} is not a WFDB header: ${what}.`)
  }
  const lines = text
    .split(/\r\n|\n|\r/)
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
  const [name = '', signalCount = '', rate, frames] = lines[0]?.split(/\s+/) ?? []
  const segments = /^([\w.-]+)\/(\d+)$/.exec(name)
  if (segments)
    throw new RecordingError(
      'unsupported',
      `${source} joins ${segments[2]} segments, which is not supported; give the records of its segments one by one.`,
    )
  if (!/^[\w.-]+$/.test(name) || !/^\d+$/.test(signalCount)) fail('its first line is not "name signals rate samples"')
  const signals = Number(signalCount)
  if (signals === 0 || signals > MOST_SIGNALS) fail(`it announces ${signals} signals`)
  if (lines.length - 1 < signals) fail(`it announces ${signals} signals and describes ${lines.length - 1}`)
  const rateNumber = rate === undefined ? DEFAULT_RATE : Number(RATE.exec(rate)?.[1])
  if (!(rateNumber > 0 && Number.isFinite(rateNumber))) fail(`"${rate}" is no sampling rate`)
  if (frames !== undefined && !/^\d+$/.test(frames)) fail(`"${frames}" is no number of samples`)
  return {
    name,
    rate: rateNumber,
    frames: Number(frames) || undefined, // 0, too, means unknown
    signals: lines.slice(1, signals + 1).map(line => parseSignal(line, fail)),
  }
}

function parseSignal(line: string, fail: (what: string) => never): WfdbSignal {
  const [file = '', format = '', gain = '', , adcZero = '0', , checksum] = line.split(/\s+/)
  const description = line.split(/\s+/).slice(8).join(' ')
  if (!PLAIN_FILE.test(file)) fail(`"${file}" is not a plain file name`)
  const storage = FORMAT.exec(format) ?? fail(`"${format}" is no signal format`)
  const scale = GAIN.exec(gain || String(DEFAULT_GAIN)) ?? fail(`"${gain}" is no gain`)
  const perUnit = Number(scale[1]) || DEFAULT_GAIN
  const baseline = Number(scale[2] ?? adcZero)
  if (!(Math.abs(perUnit) < MOST && Math.abs(1 / perUnit) < MOST && Math.abs(baseline) < MOST))
    fail(`"${gain}" is no gain`)
  for (const field of [adcZero, checksum ?? '0'])
    if (!/^[+-]?\d+$/.test(field)) fail(`"${field}" is not a whole number`)
  return {
    file,
    format: Number(storage[1]),
    samplesPerFrame: Number(storage[2] ?? 1) || 1,
    skew: Number(storage[3] ?? 0),
    byteOffset: Number(storage[4] ?? 0),
    gain: perUnit,
    baseline,
    units: scale[3] ?? 'mV',
    checksum: checksum === undefined ? undefined : Number(checksum) & 0xffff,
    description,
  }
}

import type { Hertz, Millivolts, UnixMillis } from '../../ecg/units.js'
import { RecordingError } from './recording-error.js'
import type { WrittenFormat } from './wfdb-format.js'

export interface WrittenHeader {
  readonly name: string
  readonly file: string
  readonly format: WrittenFormat
  readonly rate: Hertz
  readonly signals: readonly WrittenSignal[]
  /** Undefined while it grows: readers then take the length of the data. */
  readonly samples: number | undefined
  /** When the first sample was taken; undefined where that is not known. */
  readonly start?: UnixMillis | undefined
  readonly comments: readonly string[]
}

export interface WrittenSignal {
  readonly name: string
  readonly lsb: Millivolts
  readonly baseline: number
  /** First count and sum of all counts, as stored. */
  readonly first: number
  readonly sum: number
}

/** A .hea file (header(5) of the WFDB Applications Guide). */
export function wfdbHeaderText({ name, file, format, rate, signals, samples, start, comments }: WrittenHeader): string {
  if (!/^[\w-]+$/.test(name))
    throw new RecordingError(
      'out-of-range',
      `"${name}" is no name for a WFDB record: letters, digits, "_" and "-" only.`,
    )
  const length = samples === undefined ? [] : [samples, ...(start === undefined ? [] : baseTime(start))]
  const { number } = format
  const bits = 8 * format.bytesPerSample
  const lines = signals.map(signal => {
    const { lsb, baseline, first, sum } = signal
    const checksum = ((sum & 0xffff) << 16) >> 16
    return `${file} ${number} ${1 / lsb}(${Math.round(baseline)})/mV ${bits} 0 ${first} ${checksum} 0 ${signal.name}`
  })
  return `${[[name, signals.length, rate, ...length].join(' '), ...lines, ...comments.map(line => `# ${line}`)].join('\n')}\n`
}

/** "HH:MM:SS.mmm DD/MM/YYYY", UTC. */
function baseTime(start: UnixMillis): string[] {
  const [, date, time] = /^(.+)T(.+)Z$/.exec(new Date(start).toISOString())!
  return [time!, date!.split('-').reverse().join('/')]
}

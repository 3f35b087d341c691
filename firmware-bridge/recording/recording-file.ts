import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { standardLead } from '../../ecg/leads.js'
import type { Recording } from './recording.js'
import { RecordingError } from './recording-error.js'

/** A record as it was found on disk. */
export interface RecordingFile {
  readonly recording: Recording
  /** What a reader should know: a checksum that does not hold, a channel left out. One sentence each. */
  readonly notes: readonly string[]
}

/** Bytes. Records are held in memory whole; a day of 12 leads at 500 Hz in format 16 is just about this. */
export const MOST_BYTES = 2 ** 30

/** The bytes of a regular file of at most `most` bytes. `absent`: what to throw when there is none. */
export async function readBytes(path: string, absent: () => RecordingError, most = MOST_BYTES): Promise<Uint8Array> {
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const stat = await file.stat()
      if (!stat.isFile()) throw new RecordingError('not-a-record', `${path} is not a file.`)
      if (stat.size > most)
        throw new RecordingError('too-large', `${path} has ${stat.size} bytes, and at most ${most} are read; cut it.`)
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof RecordingError) throw error
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') throw absent()
    throw new RecordingError('unreadable', `${path} cannot be read (${code}).`, error)
  }
}

/** mV in one of these units; undefined for a unit that is not a voltage. Both characters for µ occur. */
export function millivoltsPer(unit: string): number | undefined {
  return { v: 1000, mv: 1, uv: 1e-3, '\u00b5v': 1e-3, '\u03bcv': 1e-3, nv: 1e-6 }[unit.toLowerCase()]
}

/** What a file says of a signal before it is read. */
export interface StoredSignal {
  readonly name: string
  readonly units: string
  readonly samplesPerFrame: number
}

/**
 * A `Recording` has voltages at one rate: that of the fastest standard lead, or of the fastest channel when none is a
 * standard lead. The others are left out, and the notes say so.
 */
export function signalsToKeep<T extends StoredSignal>(signals: readonly T[], source: string, notes: string[]): T[] {
  const voltages = signals.filter(({ units }) => millivoltsPer(units) !== undefined)
  const leads = voltages.filter(({ name }) => standardLead(name))
  const fastest = Math.max(...(leads.length > 0 ? leads : voltages).map(({ samplesPerFrame }) => samplesPerFrame))
  const kept = voltages.filter(({ samplesPerFrame }) => samplesPerFrame === fastest)
  if (kept.length === 0) throw new RecordingError('unsupported', `${source} has no channel that is measured in volts.`)
  for (const signal of signals) {
    if (!voltages.includes(signal))
      notes.push(`Channel ${signal.name} (${signal.units}) is no voltage and is left out.`)
    else if (!kept.includes(signal)) notes.push(`Channel ${signal.name} has another sampling rate and is left out.`)
  }
  return kept
}

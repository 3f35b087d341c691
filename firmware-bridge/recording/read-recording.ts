import { readEdf } from './read-edf.js'
import { readWfdb } from './read-wfdb.js'
import type { RecordingFile } from './recording-file.js'

/** Reads a record by its path: EDF when it ends so, otherwise WFDB, with or without ".hea". */
export async function readRecording(path: string): Promise<RecordingFile> {
  return /\.edf$/i.test(path) ? readEdf(path) : readWfdb(path)
}

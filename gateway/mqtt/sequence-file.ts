import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { writeDurably } from '../../ecg/write-durably.js'

/**
 * `sequence.json` beside the outbox: the session number, and a number that `seq` has not reached. It outlives a damaged
 * outbox: then numbering goes on at `seqLimit`, so that no number is ever used twice and the loss shows as a gap.
 */
const SequenceSchema = z.strictObject({ session: z.int().min(0), seqLimit: z.int().min(1) })
export type Sequence = z.infer<typeof SequenceSchema>

export const SEQUENCE_FILE = 'sequence.json'
const fileIn = (folder: string) => join(folder, SEQUENCE_FILE)

/** Null when there is none or it cannot be read. */
export function readSequence(folder: string): Sequence | null {
  try {
    return SequenceSchema.parse(JSON.parse(readFileSync(fileIn(folder), 'utf8')))
  } catch {
    return null
  }
}

/** On disk when it returns; a crash leaves either the old file or the new one. */
export function writeSequence(folder: string, sequence: Sequence): void {
  writeDurably(fileIn(folder), JSON.stringify(sequence))
}

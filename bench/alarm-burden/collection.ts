import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { readWfdb } from '../../firmware-bridge/recording/read-wfdb.js'
import type { Recording } from '../../firmware-bridge/recording/recording.js'

/** A line of a CSV file, by column. */
export type Row = Readonly<Record<string, string>>

/** Records of one collection; where its import (`python -m ecgclip import`) left a splits.csv, only those of the folds asked for. */
export async function fields(folder: string, name: string, folds: readonly string[]): Promise<Row[]> {
  const rows = await table(join(folder, name, 'fields.csv'))
  const splits = await table(join(folder, name, 'splits.csv'))
  if (splits.length === 0) return rows
  // A line a window: "mitdb-100@25" is the one at 25 s of record 100 of mitdb.
  const foldOf = new Map(splits.map(({ record, fold }) => [record!.replace(/@.*$/, '').replace(/^.*-/, ''), fold!]))
  return rows.filter(({ id }) => folds.includes(foldOf.get(id!) ?? ''))
}

export const record = async (path: string): Promise<Recording> => (await readWfdb(path)).recording

/** Empty when there is no such file. */
export async function table(path: string): Promise<Row[]> {
  const text = await readFile(path, 'utf8').catch(() => null)
  return text === null ? [] : parse(text, { columns: true, skip_empty_lines: true })
}

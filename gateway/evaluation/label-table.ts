import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import { EcgclipError } from '../../ecg/ecgclip-error.js'

/** A table of what is known about each record: one row a record, one 0/1 column a task. */

export class LabelTableError extends EcgclipError {
  constructor(code: 'LABELS_UNREADABLE' | 'LABELS_INVALID', message: string, cause?: unknown) {
    super(code, message, { exitCode: 2, cause })
  }
}

export interface LabelTable {
  /** Tasks that have a column, in the table's order. */
  readonly tasks: readonly string[]
  /** Undefined for a record that has no row, or whose row was not asked for. */
  find(record: string): LabelledRecord | undefined
}

export interface LabelledRecord {
  /** Undefined where the table says nothing. */
  label(task: string): 0 | 1 | undefined
  /** From the column `patient_id`; without one, or where its cell is empty, a record is a patient of its own. */
  readonly patient: string
}

/**
 * Reads a CSV with a header row. The first column names the record: its WFDB name, or a number that the name begins with
 * (`00017_lr` is row 17, as in PTB-XL). Every column in which all values are 0, 1 or empty is a task, named either by its id
 * or as `group:NAME`; of a `super_class:` and a `sub_class:` column with one NAME the former is the task `NAME_SUPER`.
 * `where`: only rows that have these values in these columns (`{ strat_fold: '9' }`).
 */
export function readLabelTable(file: string, where: Readonly<Record<string, string>> = {}): LabelTable {
  const rows = readRows(file)
  const [header, ...body] = rows
  if (!header || body.length === 0)
    throw new LabelTableError('LABELS_INVALID', `${file} holds no labels: it needs a header row and a row a record`)

  const columnOf = new Map<string, number>()
  for (const [column, name] of header.entries()) {
    if (column === 0 || !body.every(row => ['', '0', '1', '0.0', '1.0'].includes(row[column] ?? ''))) continue
    const task = taskOfColumn(name, header)
    if (!columnOf.has(task)) columnOf.set(task, column)
  }
  if (columnOf.size === 0)
    throw new LabelTableError('LABELS_INVALID', `${file} has no column of zeros and ones that could be a task`)

  const patient = header.indexOf('patient_id')
  const wanted = Object.entries(where).map(([name, value]) => ({ column: columnNamed(name, header, file), value }))
  const chosen = body.filter(row => wanted.every(({ column, value }) => row[column] === value))
  const rowOf = new Map(chosen.map(row => [recordKey(row[0] ?? ''), row]))
  return {
    tasks: [...columnOf.keys()],
    find(record) {
      const row = rowOf.get(record) ?? rowOf.get(recordKey(/^\d+/.exec(record)?.[0] ?? ''))
      if (!row) return undefined
      return {
        label(task) {
          const value = row[columnOf.get(task) ?? Number.NaN] ?? ''
          return value === '' ? undefined : Number(value) === 1 ? 1 : 0
        },
        patient: row[patient] || record,
      }
    },
  }
}

function columnNamed(name: string, header: readonly string[], file: string): number {
  const column = header.indexOf(name)
  if (column < 0) throw new LabelTableError('LABELS_INVALID', `${file} has no column "${name}"`)
  return column
}

function taskOfColumn(name: string, header: readonly string[]): string {
  const [group, task] = name.split(/:(.*)/s)
  if (task === undefined) return name
  return group === 'super_class' && header.includes(`sub_class:${task}`) ? `${task}_SUPER` : task
}

/** Numbers are compared as numbers: "17", "00017" and "17.0" name one record. */
function recordKey(name: string): string {
  return /^\d+(\.0+)?$/.test(name) ? String(Number(name)) : name
}

function readRows(file: string): string[][] {
  try {
    return parse(readFileSync(file, 'utf8'), { bom: true, skipEmptyLines: true, relaxColumnCount: false })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new LabelTableError('LABELS_UNREADABLE', `The labels ${file} cannot be read as CSV: ${reason}`, cause)
  }
}

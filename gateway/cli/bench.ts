import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Command } from 'commander'
import { type CandidateRow, candidateLine } from '../../bench/candidates.js'
import { measureEndToEnd } from '../../bench/end-to-end.js'
import { formatTable } from './format-table.js'
import { number } from './options.js'

interface BenchFlags {
  patients: number[]
  seconds: number
  json?: boolean
}

/** `ecgclip bench`: what this machine does with the shipped bundle. Each part runs in a process of its own. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('ingest, the ways to run the model, inference, end-to-end latency, CPU and memory, on this machine')
    .option('--patients <list>', 'numbers of patients for the end-to-end part', list, [1, 8, 32])
    .option('--seconds <s>', 'how long each of them is measured', number(1, 3600), 60)
    .option('--json', 'one JSON object instead of tables')
    .action(async ({ patients, seconds, json = false }: BenchFlags) => {
      const say = (title: string, rows: readonly Row[]) => {
        if (!json) process.stdout.write(`${title}\n${table(rows)}\n`)
      }
      const ingest = [(await program('ingest')) as Row]
      say('Ingest: pseudo-terminals to windows, 8 channels, 500 Hz, 5-s hop, no model', ingest)
      const windows = [(await program('window')) as Row]
      say('Windows: 8 channels, 500 Hz, 5-s hop, no carrier, no model', windows)
      const candidates = (await program('candidates')) as CandidateRow[]
      if (!json)
        process.stdout.write(`Ways to run the shipped bundle here\n${candidates.map(candidateLine).join('')}\n`)
      const inference = (await program('inference')) as Row[]
      say('Inference: one window at a time through the engine, beside a bare onnxruntime-node loop', inference)
      const endToEnd: Row[] = []
      for await (const row of measureEndToEnd(patients, { seconds })) endToEnd.push({ ...row })
      say('End to end: pseudo-terminal to PUBACK, 500 Hz, 5-s hop; latency from the last byte of a window', endToEnd)
      if (json) process.stdout.write(`${JSON.stringify({ ingest, windows, candidates, inference, endToEnd })}\n`)
    })
}

type Row = Record<string, unknown>

/** A benchmark that is a program of its own in `bench/`, and prints JSON when asked. */
async function program(name: string): Promise<unknown> {
  const path = fileURLToPath(new URL(`../../bench/${name}.js`, import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [path, '--json'])
  return JSON.parse(stdout)
}

/** Nested figures become columns of their own: `{ engine: { median } }` is the column "engine median". */
function table(rows: readonly Row[]): string {
  const flat = rows.map(row => flatten(row))
  const head = Object.keys(flat[0] ?? {})
  return formatTable(
    head,
    flat.map(row => head.map(column => row[column] ?? '')),
  )
}

function flatten(row: Row, prefix = ''): Record<string, string> {
  const cells: Record<string, string> = {}
  for (const [key, value] of Object.entries(row)) {
    const name = prefix === '' ? key : `${prefix} ${key}`
    if (typeof value === 'object' && value !== null) Object.assign(cells, flatten(value as Row, name))
    else cells[name] = typeof value === 'number' && !Number.isInteger(value) ? value.toPrecision(3) : String(value)
  }
  return cells
}

function list(text: string): number[] {
  return text.split(',').map(number(1, 1000))
}

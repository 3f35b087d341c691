#!/usr/bin/env node
import { CommanderError } from 'commander'
import { EcgclipError } from '../../ecg/ecgclip-error.js'
import { createProgram } from './create-program.js'

/** `ecgclip`: parses the command line, runs one command, and turns whatever goes wrong into one line and an exit code. */

const USAGE_ERROR = 2

const program = await createProgram(process.argv.slice(2))

process.stdout.on('error', error => {
  // A reader that goes away (`ecgclip assess … | head`) is the reader's business, not an error.
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(0)
  process.stderr.write(
    `ecgclip: the result cannot be written (${error.message}); make room for it, or write it elsewhere\n`,
  )
  process.exit(1)
})
// What is under way (a device that is flashed, a recording) must not end because nobody reads its remarks any more.
process.stderr.on('error', () => {})

try {
  await program.parseAsync()
} catch (error) {
  // What a command that failed half-way still holds (ports, threads, timers) must not keep a dead program alive.
  process.exit(report(error))
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_ERROR
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`ecgclip: ${message.replaceAll(/\s*\n\s*/g, ' ')}\n`)
  if (program.opts().verbose === true && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  return error instanceof EcgclipError ? error.exitCode : 1
}

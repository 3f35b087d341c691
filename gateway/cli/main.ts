#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { EcgclipError } from '../../ecg/ecgclip-error.js'
import { assessCommand } from './assess.js'
import { backupCommand, restoreCommand } from './backup.js'
import { benchCommand } from './bench.js'
import { configCommand } from './config.js'
import { demoCommand } from './demo.js'
import { devicesCommand } from './devices.js'
import { doctorCommand } from './doctor.js'
import { evaluateCommand } from './evaluate.js'
import { flashCommand } from './flash.js'
import { keyCommand } from './key.js'
import { modelCommand } from './model.js'
import { packageVersion } from './package-version.js'
import { recordCommand } from './record.js'
import { replayCommand } from './replay.js'
import { runCommand } from './run.js'

/** `ecgclip`: parses the command line, runs one command, and turns whatever goes wrong into one line and an exit code. */

const USAGE_ERROR = 2

const program = new Command('ecgclip')
  .description(
    'Edge gateway for wearable and bedside ECG. Not a medical device: alerts are advisory output of a statistical model.',
  )
  .version(packageVersion())
  .option('--verbose', 'show the stack of an error')
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'ecgclip: ')) })
  .exitOverride()

for (const make of [
  demoCommand,
  runCommand,
  devicesCommand,
  recordCommand,
  replayCommand,
  assessCommand,
  evaluateCommand,
  benchCommand,
  modelCommand,
  keyCommand,
  configCommand,
  backupCommand,
  restoreCommand,
  doctorCommand,
  flashCommand,
])
  program.addCommand(inheriting(make(), program))

/** The settings of the one above, down to the last subcommand. */
function inheriting(command: Command, above: Command): Command {
  command.copyInheritedSettings(above)
  for (const inner of command.commands) inheriting(inner, command)
  return command
}

// A reader that goes away (`ecgclip assess … | head`) is the reader's business, not an error.
process.stdout.on('error', error => process.exit((error as NodeJS.ErrnoException).code === 'EPIPE' ? 0 : 1))

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_ERROR
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`ecgclip: ${message.replaceAll(/\s*\n\s*/g, ' ')}\n`)
  if (program.opts().verbose === true && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  return error instanceof EcgclipError ? error.exitCode : 1
}

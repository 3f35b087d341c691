import { Command } from 'commander'
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

/** The command line as a tree of commands that has not run yet. */
export function createProgram(): Command {
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
  return program
}

/** The settings of the one above, down to the last subcommand. */
function inheriting(command: Command, above: Command): Command {
  command.copyInheritedSettings(above)
  for (const inner of command.commands) inheriting(inner, command)
  return command
}

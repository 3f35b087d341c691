import { Command } from 'commander'
import { packageVersion } from './package-version.js'

/** A command is loaded when it is wanted: all of them are a thousand modules and a second. */
const COMMANDS: Readonly<Record<string, () => Promise<() => Command>>> = {
  demo: async () => (await import('./demo.js')).demoCommand,
  run: async () => (await import('./run.js')).runCommand,
  devices: async () => (await import('./devices.js')).devicesCommand,
  record: async () => (await import('./record.js')).recordCommand,
  replay: async () => (await import('./replay.js')).replayCommand,
  assess: async () => (await import('./assess.js')).assessCommand,
  evaluate: async () => (await import('./evaluate.js')).evaluateCommand,
  bench: async () => (await import('./bench.js')).benchCommand,
  model: async () => (await import('./model.js')).modelCommand,
  key: async () => (await import('./key.js')).keyCommand,
  config: async () => (await import('./config.js')).configCommand,
  backup: async () => (await import('./backup.js')).backupCommand,
  restore: async () => (await import('./backup.js')).restoreCommand,
  doctor: async () => (await import('./doctor.js')).doctorCommand,
  flash: async () => (await import('./flash.js')).flashCommand,
}

/**
 * The command line as a tree of commands that has not run yet: the one that the words ask for, or all of them where they ask
 * for none that there is.
 */
export async function createProgram(words: readonly string[] = []): Promise<Command> {
  const program = new Command('ecgclip')
    .description(
      'Edge gateway for wearable and bedside ECG. Not a medical device: alerts are advisory output of a statistical model.',
    )
    .version(packageVersion())
    .option('--verbose', 'show the stack of an error')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'ecgclip: ')) })
    .exitOverride()

  const word = words.find(word => !word.startsWith('-')) ?? ''
  const wanted = Object.hasOwn(COMMANDS, word) ? COMMANDS[word] : undefined
  const makers = await Promise.all((wanted ? [wanted] : Object.values(COMMANDS)).map(load => load()))
  for (const make of makers) program.addCommand(inheriting(make(), program))
  return program
}

/** The settings of the one above, down to the last subcommand. */
function inheriting(command: Command, above: Command): Command {
  command.copyInheritedSettings(above)
  for (const inner of command.commands) inheriting(inner, command)
  return command
}

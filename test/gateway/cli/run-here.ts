import type { Command } from 'commander'
import type { EcgclipError } from '../../../ecg/ecgclip-error.js'

/** What a command wrote, and the exit code that the program would end with. */
export interface HereRun {
  readonly code: number
  readonly out: string
  readonly err: string
  json(): unknown
}

/** Runs a command in this process: a twentieth of what starting the program costs. Not for two at once. */
export async function runHere(command: Command, ...args: string[]): Promise<HereRun> {
  let [out, err, code] = ['', '', 0]
  const write = process.stdout.write
  process.stdout.write = ((text: string) => {
    out += text
    return true
  }) as typeof write
  const quiet = (inner: Command) => {
    inner.exitOverride().configureOutput({ writeErr: () => {} })
    inner.commands.forEach(quiet)
  }
  quiet(command)
  try {
    await command.parseAsync(args, { from: 'user' })
  } catch (error) {
    code = (error as EcgclipError).code.startsWith('commander.') ? 2 : ((error as EcgclipError).exitCode ?? 1)
    err = (error as Error).message
  } finally {
    process.stdout.write = write
  }
  return { code, out: out.trim(), err, json: () => JSON.parse(out) }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../../gateway/cli/main.js', import.meta.url))

export interface CliRun {
  readonly process: ChildProcess
  out(): string
  err(): string
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
}

/** The real program, in a process of its own. */
export function runCli(...args: string[]): CliRun {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.on('data', text => {
    out += text
  })
  child.stderr.on('data', text => {
    err += text
  })
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal)
  return { process: child, out: () => out, err: () => err, ended }
}

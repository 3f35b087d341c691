import { type Command, InvalidArgumentError } from 'commander'

/** Options that several commands share, and the parsers of their values. */

export interface ModelFlags {
  bundle?: string
  trust?: string
  overlay?: string
  variant?: string
  provider?: string
}

export function modelOptions(command: Command): Command {
  return command
    .option('--bundle <dir>', 'model bundle; the shipped one by default')
    .option('--trust <dir>', 'folder of further public keys whose bundles are accepted')
    .option('--overlay <file>', 'signed overlay: what the site changes of the bundle’s tasks')
    .option('--variant <name>', 'file or precision of one variant: int8, fp32, …; by default the fastest that passes')
    .option('--provider <name>', 'cpu, cuda, webgpu, …; by default the fastest that passes')
}

/** A number within bounds, both included. */
export function number(low: number, high: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (text.trim() === '' || !(value >= low && value <= high))
      throw new InvalidArgumentError(`It must be a number from ${low} to ${high}.`)
    return value
  }
}

export const seconds = number

/** Collects a repeatable option. */
export function each(value: string, before: string[] = []): string[] {
  return [...before, value]
}

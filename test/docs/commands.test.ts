import { readdirSync, readFileSync } from 'node:fs'
import type { Command } from 'commander'
import t from 'tap'
import { createProgram } from '../../gateway/cli/create-program.js'

/** Every command that the documentation names exists, with every flag it is shown with. */

const ROOT = new URL('../../../', import.meta.url)
const program = await createProgram()
const PAGES = ['README.md', 'SECURITY.md', ...readdirSync(new URL('docs', ROOT)).map(name => `docs/${name}`)].filter(
  name => name.endsWith('.md'),
)

for (const page of PAGES) {
  const text = readFileSync(new URL(page, ROOT), 'utf8')
  const code = [...text.matchAll(/```sh\b[^\n]*\n(.*?)```|`([^`\n]+)`/gs)].flatMap(([, block, span]) =>
    (block?.replaceAll('\\\n', ' ') ?? span ?? '').split('\n'),
  )
  const commands = code
    .flatMap(line => /(?<!python -m )\becgclip ([a-z]+)(.*)/.exec(line) ?? [])
    .filter((_, i) => i % 3 !== 0)

  t.test(`${page}: its ecgclip commands and their flags exist`, async t => {
    for (let i = 0; i < commands.length; i += 2) {
      const [name, rest] = commands.slice(i, i + 2) as [string, string]
      const outer = subcommand(program, name)
      t.ok(outer, `ecgclip ${name}`)
      // `ecgclip model list …`: a command that has commands takes nothing else as its second word.
      const second = /^ ([a-z]+)\b/.exec(rest)?.[1]
      const inner = outer && second !== undefined && outer.commands.length > 0 ? subcommand(outer, second) : outer
      if (outer) t.ok(inner, `ecgclip ${name} ${second}`)
      for (const [flag] of rest.matchAll(/(?<=\s)-{1,2}[a-z][a-z-]*/g))
        t.ok(inner && hasOption(inner, flag), `ecgclip ${name} ${flag}`)
    }
  })

  t.test(`${page}: its training commands exist`, async t => {
    const main = readFileSync(new URL('quantize/ecgclip/__main__.py', ROOT), 'utf8')
    for (const line of code)
      for (const [, step] of line.matchAll(/python -m ecgclip ([a-z][a-z-]*)/g))
        t.ok(main.includes(`"${step}"`), `python -m ecgclip ${step}`)
  })

  t.test(`${page}: its make targets exist`, async t => {
    const makefile = readFileSync(new URL('Makefile', ROOT), 'utf8')
    for (const line of code)
      for (const [, target] of line.matchAll(/^make ([a-z][a-z0-9-]*)/g))
        t.ok(new RegExp(`^${target}:`, 'm').test(makefile), `make ${target}`)
  })
}

function subcommand(command: Command, name: string): Command | undefined {
  return command.commands.find(inner => inner.name() === name || inner.aliases().includes(name))
}

/** Also those that a command takes from the ones above it. */
function hasOption(command: Command, flag: string): boolean {
  if (flag === '--help' || flag === '-h') return true
  if (command.options.some(({ short, long }) => short === flag || long === flag)) return true
  return command.parent !== null && hasOption(command.parent, flag)
}

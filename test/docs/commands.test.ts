import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'

/** Every command that the documentation names exists, with every flag it is shown with. */

const ROOT = new URL('../../../', import.meta.url)
const CLI = new URL('dist/gateway/cli/main.js', ROOT).pathname
const PAGES = ['README.md', 'SECURITY.md', ...readdirSync(new URL('docs', ROOT)).map(name => `docs/${name}`)].filter(
  name => name.endsWith('.md'),
)

for (const page of PAGES) {
  const text = readFileSync(new URL(page, ROOT), 'utf8')
  const code = [...text.matchAll(/```sh\n(.*?)```|`([^`\n]+)`/gs)].flatMap(([, block, span]) =>
    (block?.replaceAll('\\\n', ' ') ?? span ?? '').split('\n'),
  )
  const commands = code
    .flatMap(line => /(?:npx )?\becgclip ([a-z]+)(.*)/.exec(line) ?? [])
    .filter((_, i) => i % 3 !== 0)

  t.test(`${page}: its ecgclip commands and their flags exist`, async t => {
    for (let i = 0; i < commands.length; i += 2) {
      const [command, rest] = commands.slice(i, i + 2) as [string, string]
      // `ecgclip model list …`: the second word has a help of its own; an argument in its place does no harm.
      const second = /^ ([a-z]+)\b/.exec(rest)?.slice(1) ?? []
      const help = spawnSync(process.execPath, [CLI, command, ...second, '--help'], { encoding: 'utf8' })
      t.equal(help.status, 0, `ecgclip ${command}`)
      for (const [flag] of rest.matchAll(/(?<=\s)-{1,2}[a-z][a-z-]*/g))
        t.ok(new RegExp(`(^|[\\s,])${flag}\\b`, 'm').test(help.stdout), `ecgclip ${command} ${flag}`)
    }
  })

  t.test(`${page}: its make targets exist`, async t => {
    const makefile = readFileSync(new URL('Makefile', ROOT), 'utf8')
    for (const line of code)
      for (const [, target] of line.matchAll(/^make ([a-z][a-z-]*)/g))
        t.ok(new RegExp(`^${target}:`, 'm').test(makefile), `make ${target}`)
  })
}

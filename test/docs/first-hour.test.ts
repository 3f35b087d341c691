import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { AlertMessage } from '../../gateway/mqtt/messages.js'
import { freePort, mosquitto } from '../gateway/mqtt/brokers.js'

/** docs/first-hour.md, as somebody types it: each block of commands in the terminal that it names, each file as it is given. */

t.setTimeout(400_000)

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
/** Of what a page or a subscriber waits for on a busy machine, ms. */
const PATIENCE = 120_000

const ALREADY_BUILT = /^npm .*$/gm

interface Block {
  readonly language: 'sh' | 'yaml'
  /** Goes on running there; without one, the command comes to its end. */
  readonly terminal: string | undefined
  readonly text: string
}

t.test('the first hour goes as docs/first-hour.md says', { skip: mosquitto.skip }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'ecgclip-first-hour-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const [patientPort, brokerPort, pagePort] = [await freePort(), await freePort(), await freePort()]
  const page = readFileSync(join(ROOT, 'docs/first-hour.md'), 'utf8')
    .replaceAll('7007', `${patientPort}`)
    .replaceAll('1884', `${brokerPort}`)
    .replaceAll("'ecgclip run'", `'${folder}/bin/ecgclip run'`) // and no other gateway of this machine
  const [walk] = page.split('## 6.')
  const blocks = [...walk!.matchAll(/```(sh|yaml)(?: terminal=(\w+))?\n(.*?)```/gs)].map(
    ([, language, terminal, text]) => ({ language, terminal, text: text! }) as Block,
  )
  const typed = { next: 0 }
  /** Up to the next block that has this in it. */
  const until = async (text: string) => {
    for (let block: Block | undefined; !block?.text.includes(text); typed.next++) {
      block = blocks[typed.next]!
      await type(block)
    }
  }

  checkout(folder)
  const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` }
  const terminals = new Map<string, Terminal>()
  t.teardown(async () => {
    for (const terminal of terminals.values()) terminal.interrupt()
    await Promise.all([...terminals.values()].map(({ ended }) => ended)) // the broker writes its database when it ends
  })

  async function type({ language, terminal, text }: Block): Promise<void> {
    if (language === 'yaml') appendFileSync(join(folder, 'gateway.yaml'), text)
    else if (terminal !== undefined) terminals.set(terminal, openTerminal(text, folder, env))
    else t.equal(await openTerminal(text.replaceAll(ALREADY_BUILT, ''), folder, env).ended, 0, text)
    if (text.includes('config init')) appendFileSync(join(folder, 'gateway.yaml'), `monitor: { port: ${pagePort} }\n`)
  }

  await until('ecgclip run')
  const gateway = terminals.get('gateway')!
  await gateway.says(/"gateway started"/)
  await metric(pagePort, /^ecgclip_windows_total\{.*\} [1-9]/m)
  t.equal((await fetch(`http://127.0.0.1:${pagePort}/`)).status, 200, 'the page is there')

  await until('mosquitto_sub')
  const subscriber = terminals.get('subscriber')!
  const alerts = (): AlertMessage[] =>
    [...subscriber.text().matchAll(/\/alert\/\S+ (\{.*\})$/gm)].map(([, message]) => JSON.parse(message!))
  await subscriber.says(/"phase":"start".*"key":"AFIB"/)

  await until('mosquitto_pub')
  await subscriber.says(/"acknowledged":\{"by":"station 3"/)

  await until('kill -HUP')
  await gateway.says(/reloaded: alerts\.tasks/)

  const broker = terminals.get('broker')!
  broker.interrupt()
  await broker.ended
  await metric(pagePort, /^ecgclip_broker_connected 0$/m)
  await until('mosquitto -c')
  await metric(pagePort, /^ecgclip_broker_connected 1$/m)
  await metric(pagePort, /^ecgclip_outbox_messages 0$/m)

  const numbers = [...new Set(alerts().map(({ seq }) => seq))].sort((a, b) => a - b)
  t.ok(numbers.length > 0)
  t.strictSame(
    numbers,
    numbers.map((_, i) => numbers[0]! + i),
    'no gap',
  )
})

interface Terminal {
  text(): string
  says(pattern: RegExp): Promise<void>
  readonly ended: Promise<number | null>
  /** Ctrl-C. */
  interrupt(): void
}

function openTerminal(command: string, cwd: string, env: NodeJS.ProcessEnv): Terminal {
  // From a file, so that `pgrep -f` finds the program and not the shell with the command's text.
  const typed = join(mkdtempSync(join(cwd, 'typed-')), 'command')
  writeFileSync(typed, command)
  const shell = spawn('bash', ['-e', typed], { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [shell.stdout, shell.stderr])
    stream.on('data', chunk => {
      text += chunk
    })
  let over = false
  const ended = once(shell, 'close').then(([code]) => {
    over = true
    return code as number | null
  })
  return {
    text: () => text,
    async says(pattern) {
      const deadline = Date.now() + PATIENCE
      while (!pattern.test(text)) {
        if (over || Date.now() > deadline) throw new Error(`"${command.trim()}" does not say ${pattern}: ${text}`)
        await sleep(100)
      }
    },
    ended,
    interrupt() {
      if (!over) process.kill(-shell.pid!, 'SIGINT')
    },
  }
}

/** What a clone offers after `npm ci` and `npm run build`. */
function checkout(folder: string): void {
  mkdirSync(join(folder, 'bin'))
  symlinkSync(join(ROOT, 'models'), join(folder, 'models'))
  symlinkSync(join(ROOT, 'dist/gateway/cli/main.js'), join(folder, 'bin/ecgclip'))
  const npx = `#!/bin/sh\nshift\nexec '${process.execPath}' '${folder}/bin/ecgclip' "$@"\n`
  writeFileSync(join(folder, 'bin/npx'), npx, { mode: 0o755 })
}

/** Resolves when the gateway's metrics say so. */
async function metric(port: number, pattern: RegExp): Promise<void> {
  const deadline = Date.now() + PATIENCE
  const url = `http://127.0.0.1:${port}/metrics`
  while (!pattern.test(await fetch(url).then(answer => answer.text()))) {
    if (Date.now() > deadline) throw new Error(`${pattern} was not told within ${PATIENCE / 1000} s`)
    await sleep(200)
  }
}

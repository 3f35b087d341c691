import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { aedes } from '../gateway/mqtt/brokers.js'
import { alertOf, messagingFor } from '../gateway/mqtt/messaging-rig.js'

/** The example subscribers, as they stand, get a real gateway's alerts. */

const ROOT = new URL('../../../', import.meta.url)
const PYTHON = fileURLToPath(new URL('.venv/bin/python', ROOT))
const MOST_LINES = 25

const EXAMPLES = [
  {
    source: 'examples/subscriber.ts',
    skip: false,
    command: (port: number) => [
      process.execPath,
      fileURLToPath(new URL('dist/examples/subscriber.js', ROOT)),
      `mqtt://127.0.0.1:${port}`,
    ],
  },
  {
    source: 'examples/subscriber.py',
    skip: existsSync(PYTHON) ? false : 'there is no .venv',
    command: (port: number) => [
      PYTHON,
      fileURLToPath(new URL('examples/subscriber.py', ROOT)),
      '127.0.0.1',
      String(port),
    ],
  },
]

for (const { source, skip, command } of EXAMPLES)
  t.test(source, { skip }, async t => {
    const written = readFileSync(new URL(source, ROOT), 'utf8')
      .split('\n')
      .filter(line => line.trim() !== '')
    t.ok(written.length <= MOST_LINES, `${written.length} lines: short enough to be read`)
    const broker = await aedes.start(t)
    const messaging = await messagingFor(t, broker.url)
    const [program, ...args] = command(broker.port) as [string, ...string[]]
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => child.kill())
    const lines: string[] = []
    createInterface(child.stdout).on('line', line => lines.push(line))
    while (messaging.counters.connects === 0) await delay(10)
    const alert = alertOf('patch-1', 'AFIB')
    messaging.publishAlert(alert('start'))
    while (lines.length < 1) await delay(10) // retained, so that it does not matter who comes first
    messaging.publishAlert(alert('end'))
    while (lines.length < 2) await delay(10)
    t.strictSame(lines, ['patch-1 start AFIB (PN, gw-1 1)', 'patch-1 end AFIB (PN, gw-1 2)'])
  })

import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { aedes, cable } from '../gateway/mqtt/brokers.js'
import { alertOf, messagingFor } from '../gateway/mqtt/messaging-rig.js'

/** The example subscribers, as they stand, get a real gateway's alerts. */

const ROOT = new URL('../../../', import.meta.url)
const PYTHON = fileURLToPath(new URL('.venv/bin/python', ROOT))
const MOST_LINES = 27
/** More than go out at once after an outage. */
const STORED = 600

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
    const line = await cable(t, broker)
    const messaging = await messagingFor(t, line.url)
    const [program, ...args] = command(broker.port) as [string, ...string[]]
    const child = spawn(program, args, { stdio: 'pipe' })
    t.teardown(() => child.kill())
    const lines: string[] = []
    const warnings: string[] = []
    createInterface(child.stdout).on('line', line => lines.push(line))
    createInterface(child.stderr).on('line', line => warnings.push(line))
    while (messaging.counters.connects === 0) await delay(10)
    const alert = alertOf('patch-1', 'AFIB')
    messaging.publishAlert(alert('start'))
    while (lines.length < 1) await delay(10) // retained, so that it does not matter who comes first
    messaging.publishAlert(alert('end'))
    while (lines.length < 2) await delay(10)
    t.strictSame(lines, ['patch-1 start AFIB (PN, gw-1 1)', 'patch-1 end AFIB (PN, gw-1 2)'])
    t.strictSame(warnings, [])

    line.cut()
    const stored = alertOf('patch-1', 'PVC')
    messaging.publishAlert(stored('start'))
    for (let i = 1; i < STORED; i++) messaging.publishAlert(stored('update'))
    while (messaging.counters.outboxMessages < STORED) await delay(10)
    line.mend()
    while (lines.length < 3) await delay(5)
    messaging.publishAlert(alertOf('patch-2', 'AFIB')('start'))
    const live = `patch-2 start AFIB (PN, gw-1 ${STORED + 3})`
    while (!lines.includes(live) || lines.length < STORED + 3) await delay(10)
    const at = lines.indexOf(live)
    t.ok(at < STORED, `the live one overtook: line ${at}`)
    t.ok(warnings.length > 0, 'meanwhile it says what it waits for')
    const seqs = lines.map(line => Number(/(\d+)\)$/.exec(line)?.[1]))
    t.equal(new Set(seqs).size, seqs.length, 'each is printed once')
    t.equal(lines.filter(line => line.startsWith('earlier: ')).length, STORED)
  })

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { aedes } from './brokers.js'
import { alertOf, messagingFor } from './messaging-rig.js'
import { gaps, subscribe } from './subscriber.js'
import { tempFolder } from './temp-folder.js'

/** A disk that takes nothing for a while, made with the limit on file size that Linux keeps for a process. */

const CHILD = fileURLToPath(new URL('alerting-child.js', import.meta.url))

const limit = (pid: number, bytes: string) =>
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`])

const skip = (() => {
  try {
    limit(process.pid, 'unlimited')
    return false
  } catch {
    return 'prlimit cannot set the limit on file size here'
  }
})()

t.test(
  'while the disk takes nothing, nothing is published; afterwards all goes on without a gap',
  { skip },
  async t => {
    const broker = await aedes.start(t)
    const subscriber = await subscribe(t, broker.url)
    const child = spawn(process.execPath, [CHILD, broker.url.href, tempFolder(t), 'alert'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    t.teardown(() => child.kill('SIGKILL'))
    const lines: string[] = []
    createInterface(child.stdout).on('line', line => lines.push(line))

    await subscriber.until('alerts', () => subscriber.alerts.length > 50)
    limit(child.pid!, '1')
    await subscriber.until('the complaint', () => lines.some(line => /cannot be written to disk/.test(line)))
    const before = subscriber.alerts.length
    limit(child.pid!, 'unlimited')
    await subscriber.until('the good news', () => lines.some(line => /can be written to disk again/.test(line)))
    await subscriber.until('new alerts', () => subscriber.alerts.length > before + 50)
    t.equal(lines.filter(line => /cannot be written/.test(line)).length, 1, 'said once, not at every attempt')

    const ended = once(child, 'exit')
    child.stdin.end()
    t.equal((await ended)[0], 0)
    t.strictSame(gaps(subscriber.alerts), [])
  },
)

t.test('a disk that is full at the start ends it, and costs nothing of what was stored', { skip }, async t => {
  const folder = tempFolder(t)
  const first = await messagingFor(t, 'mqtt://127.0.0.1:1', { dataFolder: folder })
  const alert = alertOf('d', 'AFIB')
  for (const phase of ['start', 'update', 'end'] as const) first.publishAlert(alert(phase))
  await first.stop()

  const broker = await aedes.start(t)
  // Enough for the sequence file, too little for LevelDB.
  const child = spawn('prlimit', ['--fsize=40:unlimited', process.execPath, CHILD, broker.url.href, folder, 'drain'])
  const said = text(child.stderr)
  t.equal((await once(child, 'exit'))[0], 1)
  t.match(await said, /DATA_FOLDER/)
  t.strictSame(
    readdirSync(folder).filter(name => name.includes('damaged')),
    [],
    'it is not taken for damage',
  )

  const subscriber = await subscribe(t, broker.url)
  await messagingFor(t, broker.url, { dataFolder: folder })
  await subscriber.until('the end', () => subscriber.alerts.at(-1)?.phase === 'end')
  t.strictSame(gaps(subscriber.alerts), [])
  t.ok(subscriber.alerts.every(({ historical }) => historical))
})

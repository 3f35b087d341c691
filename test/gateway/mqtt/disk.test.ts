import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { aedes } from './brokers.js'
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

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { BROKERS, cable } from './brokers.js'
import { gaps, subscribe } from './subscriber.js'
import { tempFolder } from './temp-folder.js'

/** `kill -9` of the gateway, at whatever instant: the subscriber finds every number. More often with KILLS=200. */
const KILLS = Number(process.env.KILLS ?? 4)

const CHILD = fileURLToPath(new URL('alerting-child.js', import.meta.url))

function gateway(t: Test, url: URL, folder: string, mode: 'alert' | 'drain'): ChildProcess {
  const child = spawn(process.execPath, [CHILD, url.href, folder, mode], { stdio: ['pipe', 'ignore', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

for (const broker of BROKERS)
  t.test(broker.name, { skip: broker.skip, timeout: 60_000 + KILLS * 5000 }, async t => {
    const at = await broker.start(t)
    const line = await cable(t, at)
    const folder = tempFolder(t)
    const subscriber = await subscribe(t, at.url)
    const { alerts } = subscriber
    const states = () => subscriber.received.flatMap(r => (r.topic === 'ecg/gw-1/state' ? [r.message] : []))

    for (let kill = 0; kill < KILLS; kill++) {
      const seen = alerts.length
      const child = gateway(t, line.url, folder, 'alert')
      await subscriber.until('alerts of this run', () => alerts.length > seen + Math.random() * 300)
      // Every other time the network goes first, so that there is something that only the disk knows.
      if (kill % 2 === 1) {
        line.cut()
        await new Promise(resolve => setTimeout(resolve, Math.random() * 100))
      }
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
      await subscriber.until('the will', () => states().at(-1)?.state === 'offline')
      line.mend()
    }
    const [code] = await once(gateway(t, line.url, folder, 'drain'), 'exit')
    t.equal(code, 0, 'everything was delivered in the end')
    const sessions = KILLS + 1
    await subscriber.until('the last words', () => {
      const last = states().at(-1)
      return last?.state === 'offline' && last.session === sessions
    })

    t.strictSame(gaps(alerts), [], 'no number is missing')
    const numbers = new Set<number>()
    const firstSeen = alerts.filter(({ seq }) => !numbers.has(seq) && numbers.add(seq))
    const lastOf = new Map<string, number>()
    for (const { id, seq } of firstSeen) {
      if (seq < (lastOf.get(id) ?? 0)) t.fail(`number ${seq} of alert ${id} came too late`)
      lastOf.set(id, seq)
    }
    const bodies = new Map<number, string>()
    for (const { seq, id, phase, session, time } of alerts) {
      const body = JSON.stringify([id, phase, session, time.changed])
      if ((bodies.get(seq) ?? body) !== body) t.fail(`number ${seq} was used twice`)
      bodies.set(seq, body)
    }
    t.comment(`${bodies.size} alert messages, ${alerts.length - bodies.size} repeated`)
    const births = states().flatMap(s => (s?.state === 'online' ? [s.session] : []))
    t.strictSame(
      [...new Set(births)],
      Array.from({ length: sessions }, (_, i) => i + 1),
    )

    const late = await subscribe(t, at.url)
    await late.until('the state', () => late.last('gw-1/state') !== undefined)
    const open = new Set<string>()
    for (const { state, condition } of firstSeen) open[state === 'inactive' ? 'delete' : 'add'](condition.key)
    await late.until('what is open', () => late.alerts.length >= open.size)
    t.strictSame(
      [...new Set(late.alerts.map(({ condition }) => condition.key))].sort(),
      [...open].sort(),
      'only open alerts are retained',
    )
  })

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { BROKERS, cable } from './brokers.js'
import { gaps, subscribe } from './subscriber.js'
import { tempFolder } from './temp-folder.js'

/**
 * The four scenarios of "Alerts to Clinician Notification Systems" (IHE DEV.SDPi, volume 1, use case ACNS) with a real broker,
 * a gateway in a process of its own and a subscriber as the consumer.
 */

const GATEWAY = fileURLToPath(new URL('standing-gateway.js', import.meta.url))

function gateway(t: Test, url: URL, folder: string): ChildProcess {
  const child = spawn(process.execPath, [GATEWAY, url.href, folder], { stdio: ['pipe', 'ignore', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

for (const broker of BROKERS)
  t.test(broker.name, { skip: broker.skip }, async t => {
    t.test('a new device comes into scope: its alerts reach a consumer that knew nothing of it', async t => {
      const at = await broker.start(t)
      const consumer = await subscribe(t, at.url)
      gateway(t, at.url, tempFolder(t))
      await consumer.until('the alert', () => consumer.alerts.length > 0)
      t.match(consumer.alerts[0], { device: 'patch-1', phase: 'start', state: 'active', condition: { key: 'AFIB' } })
    })

    t.test('the gateway loses a device: it says so, and resumes reporting when the device is back', async t => {
      const at = await broker.start(t)
      const consumer = await subscribe(t, at.url)
      const child = gateway(t, at.url, tempFolder(t))
      await consumer.until('the alert of the other device', () => consumer.alerts.length > 0)
      const lost = () => consumer.alerts.filter(({ device }) => device === 'patch-2')
      child.stdin!.write('lost\n')
      await consumer.until('the failure', () => lost().length === 1)
      t.match(lost()[0], { phase: 'start', type: 'ST', condition: { key: 'DEVICE_LOST' } })
      child.stdin!.write('back\n')
      await consumer.until('the return', () => lost().length === 2)
      t.match(lost()[1], { phase: 'end', id: lost()[0]!.id })
      t.same(gaps(consumer.alerts), [])
    })

    t.test('the gateway fails: the consumer detects it, and gets the active alerts when it recovers', async t => {
      const at = await broker.start(t)
      const consumer = await subscribe(t, at.url)
      const folder = tempFolder(t)
      const first = gateway(t, at.url, folder)
      await consumer.until('the alert', () => consumer.alerts.length > 0)
      const [start] = consumer.alerts
      const ended = once(first, 'exit')
      first.kill('SIGKILL')
      await ended
      await consumer.until('the will', () => consumer.last('gw-1/state')?.state === 'offline')
      t.match(consumer.last('gw-1/state'), { state: 'offline', session: start!.session })
      gateway(t, at.url, folder)
      await consumer.until('the recovery', () => consumer.last('gw-1/state')?.state === 'online')
      const later = () => consumer.alerts.filter(({ session }) => session > start!.session)
      await consumer.until('the alert as active again', () => later().at(-1)?.state === 'active')
      t.equal(later().at(-1)!.id, start!.id, 'the same alert')
      t.same(gaps(consumer.alerts), [])
    })

    t.test('the consumer loses the gateway: it sees that, and gets the active alerts when both are back', async t => {
      const at = await broker.start(t)
      const line = await cable(t, at)
      const consumer = await subscribe(t, at.url)
      gateway(t, line.url, tempFolder(t))
      await consumer.until('the alert', () => consumer.alerts.length > 0)
      const { id } = consumer.alerts[0]!
      line.cut()
      await consumer.until('the will', () => consumer.last('gw-1/state')?.state === 'offline')
      line.mend()
      await consumer.until('the alert again', () => consumer.alerts.at(-1)?.phase === 'continue')
      t.match(consumer.alerts.at(-1), { id, state: 'active', historical: false })

      const late = await subscribe(t, at.url)
      await late.until('what is retained', () => late.alerts.length > 0)
      t.match(late.alerts[0], { id, state: 'active' }, 'also one that was not there')
    })
  })

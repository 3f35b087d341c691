import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import mqtt from 'mqtt'
import { ulid } from 'ulid'
import { Millis, UnixMillis } from '../ecg/units.js'
import { technicalStart } from '../gateway/alerts/technical-alerts.js'
import { startEmbeddedBroker } from '../gateway/mqtt/embedded-broker.js'
import { startMessaging } from '../gateway/mqtt/messaging.js'

/**
 * How long a live alert takes to its subscriber when an outage has left thousands of others before it, and how long these take.
 *
 *     node dist/bench/outage-drain.js [--stored 10000]
 */

const { values } = parseArgs({ options: { stored: { type: 'string', default: '10000' } } })
const stored = Number(values.stored)
const clock = { utc: () => UnixMillis(Date.now()), monotonic: () => Millis(performance.now()) }
const start = (device: string) => technicalStart(device, 'DEVICE_LOST', ulid(), 'unplugged', clock)

const first = await startEmbeddedBroker(0)
const { port } = first
await first.close()
const dataFolder = await mkdtemp(join(tmpdir(), 'ecgclip-drain-'))
const quiet = () => {}
const messaging = await startMessaging({
  broker: { url: `mqtt://127.0.0.1:${port}` },
  base: 'ecg',
  gateway: 'gw',
  version: 'bench',
  dataFolder,
  clock,
  newId: () => ulid(),
  log: { info: quiet, warn: quiet, error: quiet },
  health: () => ({
    model: null,
    windowsPerSecond: 0,
    inferenceDepth: 0,
    alerts: { delay: {}, suppressed: {} },
    clockSynchronised: null,
  }),
})
for (let n = 0; n < stored; n++) {
  messaging.publishAlert(start(`d${n}`))
  if (n % 1000 === 999) while (messaging.counters.outboxMessages <= n - 1000) await delay(5)
}
while (messaging.counters.outboxMessages < stored) await delay(20)

const broker = await startEmbeddedBroker(port)
const subscriber = await mqtt.connectAsync(broker.url)
const seen = new Set<number>()
let ordered = true
let last = 0
let liveAt: number | null = null
let drainedAt: number | null = null
subscriber.on('message', (_topic, payload) => {
  const { seq, device, historical } = JSON.parse(payload.toString())
  if (device === 'live') liveAt ??= performance.now()
  else if (historical && !seen.has(seq)) {
    ordered &&= seq > last
    last = seq
    seen.add(seq)
  }
  if (seen.size === stored) drainedAt ??= performance.now()
})
await subscriber.subscribeAsync('ecg/+/device/+/alert/+', { qos: 1 })
while (messaging.counters.connects === 0) await delay(1)
const connected = performance.now()
messaging.publishAlert(start('live'))
while (drainedAt === null || liveAt === null) await delay(10)
const after = (at: number) => Math.round(at - connected)
process.stdout.write(
  `${stored} stored: the live alert after ${after(liveAt)} ms, the last stored one after ${after(drainedAt)} ms, ${ordered ? 'in order' : 'NOT in order'}\n`,
)
await messaging.stop()
await subscriber.endAsync(true)
await broker.close()
await rm(dataFolder, { recursive: true })

import { setTimeout as delay, setImmediate } from 'node:timers/promises'
import { startMessaging } from '../../../gateway/mqtt/messaging.js'
import { alertOf, messagingOptions } from './messaging-rig.js'

/**
 * A gateway that does nothing but alert, as fast as it may, until it is killed or its standard input ends; told `drain`, it only
 * delivers what is left. Its log is its standard output.
 */
process.on('SIGXFSZ', () => {}) // a file at the limit on its size is an error of the write, not the end

const [url, dataFolder, mode] = process.argv.slice(2)
const line = (fields: object, message: string) => void process.stdout.write(`${message} ${JSON.stringify(fields)}\n`)
const log = { info: line, warn: line, error: line }
const messaging = await startMessaging(messagingOptions({ url: url!, dataFolder: dataFolder!, log }))

let ending = mode === 'drain'
process.stdin.on('end', () => {
  ending = true
})
process.stdin.resume()

for (let n = 0; !ending; n++) {
  const alert = alertOf('patch-1', `K${n % 5}`)
  for (const phase of ['start', 'update', 'continue', 'end'] as const) {
    messaging.publishAlert(alert(phase))
    await setImmediate()
  }
  // Ahead of what is under way at any time, but not by much: the disk is the same one for all tests.
  while (messaging.counters.outboxMessages > 200 && !ending) await delay(1)
}
while (messaging.counters.connects === 0 || messaging.counters.outboxMessages > 0) await delay(5)
await messaging.stop()
process.exit(messaging.counters.outboxMessages === 0 ? 0 : 1)

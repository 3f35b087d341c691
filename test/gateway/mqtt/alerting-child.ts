import { startMessaging } from '../../../gateway/mqtt/messaging.js'
import { alertOf, messagingOptions } from './messaging-rig.js'

/** A gateway that does nothing but alert, as fast as it may, until it is killed; or, told `drain`, delivers what is left and ends. */
const [url, dataFolder, mode] = process.argv.slice(2)
const messaging = await startMessaging(messagingOptions({ url: url!, dataFolder: dataFolder! }))

if (mode === 'drain') {
  while (messaging.counters.connects === 0) await new Promise(setImmediate)
  await messaging.stop()
  process.exit(messaging.counters.outboxMessages === 0 ? 0 : 1)
}

for (let n = 0; ; n++) {
  const alert = alertOf('patch-1', `K${n % 5}`)
  for (const phase of ['start', 'update', 'continue', 'end'] as const) {
    messaging.publishAlert(alert(phase))
    await new Promise(setImmediate)
  }
  // Further ahead than what is under way at any time, and no more: the disk is the same one for all tests.
  while (messaging.counters.outboxMessages > 200) await new Promise(setImmediate)
}

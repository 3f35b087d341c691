import { alertCommands } from '../../../gateway/alert-commands.js'
import { startMessaging } from '../../../gateway/mqtt/messaging.js'
import { alertingFor } from '../alerting-rig.js'
import { assessedWindow } from '../alerts/alert-rig.js'
import { messagingOptions } from './messaging-rig.js'

/**
 * A gateway with one patient, `patch-1`, who is in AF all the time and whose windows come twenty times as fast: its alert
 * stands until the process is killed. A device `patch-2` is lost, for as long as standard input says `lost`.
 */
const [url, dataFolder] = process.argv.slice(2)
const messaging = await startMessaging(messagingOptions({ url: url!, dataFolder: dataFolder! }))
const alerting = alertingFor(messaging.publishAlert, { unfinished: messaging.unfinished })
messaging.answer(alertCommands(alerting, messaging.publishEvidence))
process.stdin.on('data', line => {
  alerting.condition('patch-2', 'DEVICE_LOST', /lost/.test(String(line)) ? 'unplugged' : null)
})
let index = 0
setInterval(() => alerting.window('patch-1', assessedWindow({ AFIB: 0.9 }, Date.now(), { index: index++ })), 250)
setInterval(alerting.tick, 100)

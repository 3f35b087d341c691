import mqtt from 'mqtt'

/** Prints every alert of every gateway, and proves from `seq` that none was lost: `node subscriber.js mqtt://127.0.0.1:1883`. */

const last = new Map<string, number>()
const client = mqtt.connect(process.argv[2] ?? 'mqtt://127.0.0.1:1883', { clientId: 'alert-board', clean: false })
client.on('connect', () => client.subscribe('ecg/+/device/+/alert/+', { qos: 1 }))
client.on('message', (_topic, payload, { retain }) => {
  if (payload.length === 0) return // clears what was retained
  const { seq, gateway, device, phase, condition, priority, historical } = JSON.parse(payload.toString())
  const seen = last.get(gateway)
  if (!retain && seen !== undefined && seq > seen + 1)
    console.warn(`${gateway}: ${seq - seen - 1} alert messages missing`)
  if (!retain) last.set(gateway, Math.max(seq, seen ?? 0))
  if (seen !== undefined && seq <= seen) return // delivered again
  console.log(
    `${historical ? 'earlier: ' : ''}${device} ${phase} ${condition.display} (${priority}, ${gateway} ${seq})`,
  )
})

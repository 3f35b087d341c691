import mqtt from 'mqtt'

/** Prints every alert of every gateway, and proves from `seq` that none was lost: `node subscriber.js mqtt://127.0.0.1:1883`. */

const last = new Map<string, number>()
/** They may still come: live alerts overtake what an outage stored. */
const missing = new Map<string, Set<number>>()
const client = mqtt.connect(process.argv[2] ?? 'mqtt://127.0.0.1:1883', { clientId: 'alert-board', clean: false })
client.on('connect', () => client.subscribe('ecg/+/device/+/alert/+', { qos: 1 }))
client.on('message', (_topic, payload, { retain }) => {
  if (payload.length === 0) return // clears what was retained
  const { seq, gateway, device, phase, condition, priority, historical } = JSON.parse(payload.toString())
  const top = last.get(gateway) ?? 0
  const gaps = missing.get(gateway) ?? new Set()
  if (seq > top || gaps.has(seq))
    console.log(
      `${historical ? 'earlier: ' : ''}${device} ${phase} ${condition.display} (${priority}, ${gateway} ${seq})`,
    )
  if (retain) return
  for (let skipped = top + 1; top > 0 && skipped < seq; skipped++) gaps.add(skipped)
  gaps.delete(seq)
  if (gaps.size > 0) console.warn(`${gateway}: ${gaps.size} alert messages are not here yet`)
  last.set(gateway, Math.max(top, seq))
  missing.set(gateway, gaps)
})

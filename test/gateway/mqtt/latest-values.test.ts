import t from 'tap'
import type { Connection } from '../../../gateway/mqtt/broker-link.js'
import { createLatestValues, MOST_TOPICS } from '../../../gateway/mqtt/latest-values.js'

t.test('devices that never come back do not pile up, and one that goes on being told is kept', async t => {
  const latest = createLatestValues()
  const set = (device: string) =>
    latest.set({ topic: `ecg/gw/device/${device}/state`, payload: '{}', qos: 1, retain: true })
  set('bed-1')
  for (let boot = 0; boot < 2 * MOST_TOPICS; boot++) {
    set(`patch-${boot}`)
    if (boot % 100 === 0) set('bed-1')
  }
  const published = new Set<string>()
  const connection: Connection = {
    async publish({ topic }) {
      published.add(topic)
    },
    subscribe() {},
    drop() {},
  }
  latest.attach(connection)
  t.equal(published.size, MOST_TOPICS)
  t.ok(published.has('ecg/gw/device/bed-1/state'))
})

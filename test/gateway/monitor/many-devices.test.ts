import t from 'tap'
import { MOST_DEVICES } from '../../../gateway/monitor/device-metrics.js'
import { createMetrics } from '../../../gateway/monitor/metrics.js'
import { assessed, report } from './standing-monitor.js'

function scraped() {
  const { model } = assessed(1, 0, 0)
  return createMetrics({
    version: '1',
    model: () => ({ ...model, variant: 'v' }),
    inferenceDepth: () => 0,
    clockSynchronised: () => true,
    stuck: () => [],
    messaging: () => ({
      connected: true,
      connects: 1,
      assessmentsPublished: 0,
      assessmentsDropped: 0,
      alertsDropped: 0,
      outboxMessages: 0,
      outboxBytes: 0,
      outboxCapacityBytes: 0,
    }),
    monitor: () => ({ viewers: 0, refused: 0, framesDropped: 0, wrongTokens: 0 }),
  })
}

t.test('devices that are worn for a day and thrown away do not pile up as series', async t => {
  const metrics = scraped()
  for (let day = 0; day < 3 * MOST_DEVICES; day++) {
    metrics.device(`patch-${day}`, report(`patch-${day}`, 'streaming'))
    metrics.window(`patch-${day}`, assessed(1, 0, 0))
    metrics.device(`patch-${day}`, report(`patch-${day}`, 'lost'))
  }
  const text = await metrics.text()
  const series = [...text.matchAll(/^ecgclip_windows_total\{device="(.*?)"/gm)].map(([, device]) => device)
  t.equal(series.length, MOST_DEVICES)
  t.equal(series.at(-1), `patch-${3 * MOST_DEVICES - 1}`)
})

t.test(
  'a patch that was taken off is lost for half an hour, not for ever, to whoever watches lost devices',
  async t => {
    const metrics = scraped()
    metrics.device('patch-1', report('patch-1', 'lost'))
    t.match(await metrics.text(), 'ecgclip_device_state{device="patch-1",state="lost"} 1')
    metrics.gone('patch-1')
    t.notMatch(await metrics.text(), 'patch-1')
  },
)

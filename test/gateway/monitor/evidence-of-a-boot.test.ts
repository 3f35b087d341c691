import t from 'tap'
import { alert, assessed, identity, RATE, samples, signal, standingMonitor } from './standing-monitor.js'

t.test('a window of the boot that ended is cut from what that boot sent, whenever it is told', async t => {
  const { monitor, url } = await standingMonitor(t)
  const shown = async (boot: number, firstSample: number, start: number) => {
    const about = alert('patch-1', { signal: signal(start) })
    monitor.assessed('patch-1', assessed(boot, firstSample, start))
    monitor.alerted(about)
    const answer = await fetch(new URL(`/api/evidence/${about.id}`, url))
    const { signal: leads } = (await answer.json()) as { signal: { II: (number | null)[] } }
    return [...new Set(leads.II)]
  }
  monitor.identified(identity('patch-1', 1))
  monitor.samples('patch-1', samples(0, 6000, 100))

  monitor.identified(identity('patch-1', 2))
  t.same(await shown(1, 500, 1000), [100], 'nothing has come of the new boot')
  monitor.samples('patch-1', samples(0, RATE, 200))
  t.same(await shown(1, 0, 2000), [100], 'samples of the new boot have the same indices')
  monitor.samples('patch-1', samples(RATE, 6000, 200))
  t.same(await shown(2, 500, 3000), [200])

  monitor.identified(identity('patch-1', 2))
  monitor.samples('patch-1', samples(0, RATE, 300))
  t.same(await shown(2, 0, 4000), [200], 'a device may give the new boot the number of the old one')
})

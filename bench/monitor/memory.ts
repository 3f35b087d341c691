import type { Page } from 'playwright-core'
import { openBrowser } from './open-page.js'
import { startPageOfPatients } from './page-of-patients.js'
import { slope } from './slope.js'

/**
 * `make page-bench`: is the page ready within a second, how many frames a second does it draw, what does a frame cost, and is
 * its memory flat? One patient with all leads, then a wall of sixteen; each for half of the minutes given (60 by default).
 * Prints figures; whoever reads them knows how busy the machine was.
 */
const minutes = Number(process.argv[2] ?? 60)
const MEBIBYTE = 2 ** 20
const WALL = 16
/** Five times as often as by default, so that the page's trends, of 240 windows, are full after four minutes. */
const HOP_SECONDS = 1

const { url, gateway, stop } = await startPageOfPatients(
  Array.from({ length: WALL }, (_, i) => ({ id: `bed-${i + 1}`, from: (i * 11) % 60 })),
  { hopSeconds: HOP_SECONDS },
)
const browser = await openBrowser()

for (const [what, hash] of [
  ['one patient', '/patient/bed-1'],
  [`wall of ${WALL}`, '/wall'],
] as const) {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  const began = performance.now()
  await page.goto(`${url}#${hash}`)
  await page.waitForSelector('html[data-ready]')
  const ready = performance.now() - began
  const memory = await watch(page, (minutes / 2) * 60)
  const { frames, taskMs } = await cost(page, 10)
  console.log(`${what}: interactive after ${ready.toFixed(0)} ms`)
  console.log(`  ${frames.toFixed(1)} frames a second, ${taskMs.toFixed(1)} ms of the main thread each`)
  console.log(`  JavaScript heap ${memory.now.toFixed(1)} MiB, ${memory.perHour.toFixed(2)} MiB an hour`)
  await page.close()
}
console.log(
  `gateway: ${(process.memoryUsage.rss() / MEBIBYTE).toFixed(0)} MiB with it and Chromium's driver in one process`,
)
console.log(`frames dropped for slow pages: ${gateway.monitor.counters.framesDropped}`)
await browser.close()
await stop()

/** Heap after a collection, every twentieth of the time; the first quarter, in which rings and trends fill, does not count. */
async function watch(page: Page, seconds: number): Promise<{ now: number; perHour: number }> {
  const session = await page.context().newCDPSession(page)
  const points: { x: number; y: number }[] = []
  for (let i = 0; i <= 20; i++) {
    if (i > 0) await page.waitForTimeout((seconds * 1000) / 20)
    await session.send('HeapProfiler.collectGarbage')
    const { usedSize } = await session.send('Runtime.getHeapUsage')
    if (i >= 5) points.push({ x: (i * seconds) / 20 / 3600, y: usedSize / MEBIBYTE })
  }
  await session.detach()
  return { now: points.at(-1)!.y, perHour: slope(points) }
}

/** Frames that the display loop counts, and the work of the main thread for each. */
async function cost(page: Page, seconds: number): Promise<{ frames: number; taskMs: number }> {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable')
  const busy = async () => {
    const { metrics } = await session.send('Performance.getMetrics')
    return metrics.find(({ name }) => name === 'TaskDuration')!.value
  }
  const before = await busy()
  await page.waitForTimeout(seconds * 1000)
  const spent = (await busy()) - before
  const shown = await page.locator('.health').textContent()
  const frames = Number(/(\d+) fps/.exec(shown ?? '')?.[1] ?? 0)
  return { frames, taskMs: (1000 * spent) / seconds / Math.max(1, frames) }
}

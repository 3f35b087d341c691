import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { hasChromium, openBrowser } from '../../../bench/monitor/open-page.js'
import { identity, standingMonitor } from './standing-monitor.js'

/** s. The page gives a line up after seven without a message, and tries again after at most eight. */
const PATIENCE = 20_000

/** A line to `port` that can go dead: what is sent then is neither delivered nor refused, as behind a switch without power. */
async function line(t: Test, port: number) {
  let dead = false
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    const gateway = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [client, gateway],
      [gateway, client],
    ] as const) {
      sockets.add(from)
      from.on('data', bytes => dead || to.write(bytes))
      from.on('error', () => from.destroy())
      from.on('close', () => sockets.delete(from) && !dead && to.destroy())
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return {
    port: (server.address() as AddressInfo).port,
    dies() {
      dead = true
    },
    mends() {
      dead = false
    },
  }
}

async function deadLine(t: Test): Promise<void> {
  const { monitor, url } = await standingMonitor(t)
  monitor.identified(identity('bed-1'))
  const { port, dies, mends } = await line(t, Number(url.port))
  const browser = await openBrowser()
  t.teardown(() => browser.close())
  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${port}/#/wall`)
  await page.locator('.tile').waitFor({ timeout: PATIENCE })
  const warning = page.getByText('cannot be reached')
  t.notOk(await warning.isVisible())
  dies()
  await warning.waitFor({ timeout: PATIENCE })
  t.match(await page.locator('.health').textContent(), /not reached/)
  // Long enough for the page to have begun asking, so that what it asks then is lost too.
  await page.waitForTimeout(3000)
  mends()
  await warning.waitFor({ state: 'hidden', timeout: PATIENCE })
  monitor.identified(identity('bed-2'))
  await page.locator('.tile').nth(1).waitFor({ timeout: PATIENCE })
}

if (hasChromium) {
  t.setTimeout(120_000)
  t.test('on a line that is dead the page says so within seconds, and is back soon after it is mended', deadLine)
} else t.pass('left out: Chromium is not installed', { skip: true })

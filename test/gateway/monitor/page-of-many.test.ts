import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { hasChromium, openBrowser } from '../../../bench/monitor/open-page.js'
import type { AlertTransition } from '../../../gateway/alerts/alert.js'
import { alert, identity, report, standingMonitor } from './standing-monitor.js'

/** The page in a real Chromium, before a monitor that is told by hand what happens in the ward. */

const PATIENCE = 30_000
const HOUR = 3_600_000
const t0 = Date.now()

async function open(t: Test, url: URL | string, init?: string): Promise<Page> {
  const browser = await openBrowser()
  t.teardown(() => browser.close())
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  page.on('pageerror', error => t.fail(String(error)))
  if (init !== undefined) await page.addInitScript(init)
  await page.goto(String(url))
  await page.locator('html[data-ready]').waitFor({ timeout: PATIENCE })
  return page
}

async function wall(t: Test): Promise<void> {
  const { monitor, url } = await standingMonitor(t)
  const names = Array.from({ length: 20 }, (_, i) => `patch-${String(i).padStart(2, '0')}`)
  for (const name of names) {
    monitor.identified(identity(name))
    monitor.reported(name, report(name, Number(name.slice(-2)) < 17 ? 'lost' : 'streaming'))
  }
  const page = await open(t, `${url}#/wall`)
  await page.locator('.tile').nth(15).waitFor({ timeout: PATIENCE })
  t.same(
    await page.locator('.tile strong').allTextContents(),
    [...names.slice(0, 13), ...names.slice(17)],
    'whoever is there comes before the patches of yesterday',
  )
  t.ok(await page.getByText('4 more are not on the wall').isVisible())
}

async function keyboard(t: Test): Promise<void> {
  const { monitor, url } = await standingMonitor(t)
  for (const name of ['bed-1', 'bed-2']) monitor.identified(identity(name))
  const page = await open(t, `${url}#/patient/bed-2`)
  await page.locator('.patient').waitFor({ timeout: PATIENCE })
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.waitForTimeout(300)
  t.equal(await page.evaluate('document.activeElement.id'), 'main')
  t.match(page.url(), /#\/patient\/bed-2$/)
  t.ok(await page.locator('.patient').isVisible(), 'the patient stays')
}

async function address(t: Test): Promise<void> {
  const { monitor, url } = await standingMonitor(t)
  for (const name of ['bed-1', 'bed-2']) monitor.identified(identity(name))
  const page = await open(t, `${url}#/patient/bed%2`)
  await page.locator('.tile').nth(1).waitFor({ timeout: PATIENCE })
}

async function screenReader(t: Test): Promise<void> {
  const { monitor, url } = await standingMonitor(t)
  monitor.identified(identity('bed-1'))
  const page = await open(t, `${url}#/patient/bed-1`)
  await page.locator('.chip').waitFor({ timeout: PATIENCE })
  await page.evaluate(`
    window.additions = []
    new MutationObserver(changes => {
      for (const { addedNodes } of changes) for (const node of addedNodes) additions.push(node.textContent)
    }).observe(document.querySelector('[aria-live]'), { childList: true, subtree: true })
  `)
  const lost: Partial<AlertTransition> = {
    type: 'ST',
    condition: { key: 'DEVICE_LOST', display: 'Device lost', group: 'technical', codes: [] },
    evidence: { detail: 'nothing has come for 5 s' },
  }
  const first = alert('bed-1', lost)
  monitor.alerted(alert('bed-1'))
  monitor.alerted(first)
  monitor.alerted({ ...first, phase: 'end', state: 'inactive' })
  monitor.alerted(alert('bed-1', lost))
  await page.locator('.alert').nth(2).waitFor({ timeout: PATIENCE })
  const said = /^Technical: Device lost, bed-1, nothing/
  t.match(await page.evaluate('additions'), [/^Advisory: Atrial fibrillation/, said, said])
  t.match(
    await page.locator('[aria-live] p').allTextContents(),
    [/^Advisory/, said, said],
    'none takes the place of one that may not have been read yet',
  )
}

async function wrongClock(t: Test): Promise<void> {
  const { monitor, url } = await standingMonitor(t)
  monitor.identified(identity('bed-1'))
  monitor.alerted(alert('bed-1'))
  const page = await open(t, url, `{ const now = Date.now; Date.now = () => now() + ${3 * HOUR} }`)
  await page.locator('.alert time', { hasText: /^\d+ s ago$/ }).waitFor({ timeout: PATIENCE })
  t.ok(Date.now() - t0 < HOUR)
}

if (hasChromium) {
  t.setTimeout(180_000)
  t.test('a patient who is there is on the wall, however many devices were taken off', wall)
  t.test('the link that leads to the ECG does not lead away from the patient', keyboard)
  t.test('an address that was cut off leads to the wall', address)
  t.test('each alert is announced, also two at once and the same again', screenReader)
  t.test('an alert is as old as the gateway says, whatever the clock of the viewer', wrongClock)
} else t.pass('left out: Chromium is not installed', { skip: true })

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { hasChromium, openBrowser } from '../../../bench/monitor/open-page.js'
import { type PageOfPatients, startPageOfPatients } from '../../../bench/monitor/page-of-patients.js'

/** The page as a person meets it: real gateway, real devices on pseudo-terminals, real Chromium. */

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const V3_OFF = 1 << 6
const PATIENCE = 60_000

/** s. It waits for ten seconds of ECG and for a finding to last; a busy machine makes that longer. */
const FILE_TIMEOUT = 300

async function withChromium(): Promise<void> {
  t.setTimeout(1000 * FILE_TIMEOUT)
  const ward = await startPageOfPatients([
    { id: 'bed-1', from: 30, to: 50, battery: 80, electrodesOff: () => V3_OFF },
    { id: 'bed-2', from: 0, leads: ['I', 'II'] },
  ])
  const browser = await openBrowser()
  t.teardown(async () => {
    await browser.close()
    await ward.stop()
  })
  await t.test('one patient', t => onePatient(t, ward, browser))
  await t.test('the wall', t => wall(t, ward, browser))
  await t.test('an alert, its window, and its acknowledgement by keyboard', t => alert(t, ward, browser))
  await t.test('a device that goes', t => deviceGoes(t, ward, browser))
  await t.test('a gateway that goes', t => gatewayGoes(t, ward, browser))
  await t.test('the login form', t => login(t, browser))
}

/** A tab that fails the test when the page logs an error or asks another host for anything. */
async function open(t: Test, browser: Browser, url: URL | string, colorScheme: 'light' | 'dark' = 'light') {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme })
  const { host } = new URL(url)
  const complaints: string[] = []
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('request', request => {
    if (new URL(request.url()).host !== host) complaints.push(`asked ${request.url()}`)
  })
  t.teardown(() => page.close())
  await page.goto(String(url))
  return { page, complaints }
}

async function accessible(t: Test, page: Page, what: string): Promise<void> {
  await page.evaluate(AXE)
  const violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] = await page.evaluate(
    'axe.run().then(({ violations }) => violations)',
  )
  for (const { id, nodes } of violations)
    t.comment(id, nodes.map(node => `${node.html}\n${node.failureSummary}`).join('\n'))
  t.same(
    violations.map(({ id }) => id),
    [],
    `axe finds nothing in ${what}`,
  )
}

/** Pixels of the trace that are drawn on. */
const inked = (page: Page): Promise<number> =>
  page.evaluate(`(() => {
    const trace = document.querySelector('.trace')
    const copy = new OffscreenCanvas(trace.width, trace.height).getContext('2d', { willReadFrequently: true })
    copy.drawImage(trace, 0, 0)
    const { data } = copy.getImageData(0, 0, trace.width, trace.height)
    let inked = 0
    for (let i = 3; i < data.length; i += 4) if (data[i] > 0) inked++
    return inked
  })()`)

async function onePatient(t: Test, { url }: PageOfPatients, browser: Browser): Promise<void> {
  for (const scheme of ['light', 'dark'] as const) {
    const { page, complaints } = await open(t, browser, `${url}#/patient/bed-1`, scheme)
    await page.locator('.findings tbody tr').first().waitFor({ timeout: PATIENCE })
    await page.getByText('Off: V3', { exact: true }).waitFor({ timeout: PATIENCE })
    t.ok((await inked(page)) > 2000, 'the ECG is drawn')
    t.equal(await page.locator('.lead.off').textContent(), 'V3 off')
    t.match(await page.locator('.trace').getAttribute('aria-label'), /Live ECG of bed-1, 12 leads, V3 off, 25 mm\/s/)
    t.match(
      await page.locator('.device').textContent(),
      /80 %.*± [\d.]+ m?s/,
      'battery, and how well the clock is known',
    )
    t.ok(await page.getByText('Not a medical device.').first().isVisible())
    await accessible(t, page, `one patient, ${scheme}`)
    t.same(complaints, [])
  }
  const { page, complaints } = await open(t, browser, `${url}#/patient/bed-2`)
  await page.locator('.lead.absent').first().waitFor({ timeout: PATIENCE })
  t.equal(await page.locator('.lead.absent').count(), 6, 'leads that the device does not give are named as absent')
  for (const choice of ['12 × 1', 'Paper', '50', '20', '0.5 Hz']) {
    await page.getByRole('radio', { name: choice, exact: true }).check()
    await page.waitForTimeout(400)
    t.ok((await inked(page)) > 1000, `${choice}: the ECG is drawn`)
  }
  t.equal(await page.locator('.lead').count(), 12)
  t.same(complaints, [])
}

async function wall(t: Test, { url }: PageOfPatients, browser: Browser): Promise<void> {
  const { page, complaints } = await open(t, browser, `${url}#/wall`)
  await page.locator('.tile').nth(1).waitFor({ timeout: PATIENCE })
  t.same(await page.locator('.tile strong').allTextContents(), ['bed-1', 'bed-2'])
  await page.waitForTimeout(1000)
  t.ok((await inked(page)) > 200)
  await accessible(t, page, 'the wall')
  await page.locator('.tile a').last().click()
  await page.locator('.patient').waitFor()
  t.match(page.url(), /#\/patient\/bed-2$/)
  t.same(complaints, [])
}

async function alert(t: Test, { url, gateway }: PageOfPatients, browser: Browser): Promise<void> {
  const { page, complaints } = await open(t, browser, `${url}#/patient/bed-1`)
  await page.getByLabel('Acknowledge as').fill('RN 4')
  const finding = page.locator('.alert.advisory.active', { hasText: 'Atrial fibrillation' })
  await finding.waitFor({ timeout: PATIENCE })
  t.match(
    await finding.locator('.kind').textContent(),
    /^Advisory/,
    'a finding of the model does not look like an alarm',
  )

  await finding.focus()
  await page.keyboard.press('Enter')
  await page.locator('svg.evidence').waitFor()
  const words = await page.locator('svg.evidence').getAttribute('aria-label')
  t.match(words, /at 25 mm\/s and 10 mm\/mV\. The model looked most at \d/)
  t.equal(await page.locator('.lead-trace').count(), 13, 'twelve leads and the rhythm strip')
  t.equal(await page.locator('.lead-trace[data-lead="V3"]').getAttribute('d'), '', 'the lead that was off has no line')
  t.ok((await page.locator('.salient').count()) > 0)
  await accessible(t, page, 'the window behind an alert')
  const pdf = (await page.pdf({ preferCSSPageSize: true })).toString('latin1')
  t.equal(pdf.match(/\/Type \/Page\b/g)?.length, 1, 'it prints on one page')
  // A4 across, in points of 1/72 inch: 842 × 595.
  t.match(pdf, /MediaBox \[0 0 84[12](\.\d+)? 59[456]/)

  await page.keyboard.press('Escape')
  await finding.focus()
  await page.keyboard.press('a')
  await page.locator('.alert.acknowledged', { hasText: '✓ RN 4' }).waitFor()
  const [open_] = gateway.alerting.open().filter(alert => alert.device === 'bed-1' && alert.condition.key === 'AFIB')
  t.equal(open_?.acknowledged?.by, 'RN 4', 'the gateway knows, and so do its subscribers')
  t.same(complaints, [])
}

async function deviceGoes(t: Test, { url, unplug }: PageOfPatients, browser: Browser): Promise<void> {
  const { page } = await open(t, browser, `${url}#/patient/bed-2`)
  await page.locator('.chip.streaming').waitFor({ timeout: PATIENCE })
  await unplug('bed-2')
  await page.locator('.sheet.stale').waitFor({ timeout: PATIENCE })
  t.match(await page.locator('.sheet-notice').textContent(), /^(lost|stalled): /)
}

async function gatewayGoes(t: Test, { url, gateway }: PageOfPatients, browser: Browser): Promise<void> {
  const { page } = await open(t, browser, `${url}#/wall`)
  await page.locator('.tile').first().waitFor({ timeout: PATIENCE })
  t.notOk(await page.getByText('cannot be reached').isVisible())
  await gateway.monitor.stop()
  await page.getByText('cannot be reached').waitFor({ timeout: PATIENCE })
  t.match(await page.locator('.health').textContent(), /not reached/)
}

async function login(t: Test, browser: Browser): Promise<void> {
  const tokenFile = `${t.testdir({ token: 'correct-horse-battery-staple\n' })}/token`
  const locked = await startPageOfPatients([], { monitor: { port: 0, tokenFile } })
  t.teardown(locked.stop)
  const { page } = await open(t, browser, locked.url)
  await accessible(t, page, 'the login form')
  await page.getByLabel('Token').fill('wrong')
  await page.getByRole('button').click()
  await page.getByText('not this gateway’s token').waitFor()
  await page.getByLabel('Token').fill('correct-horse-battery-staple')
  await page.getByRole('button').click()
  await page.getByText('No device has been heard of yet.').waitFor()
  t.ok(page.url().startsWith(locked.url.href))
}

if (hasChromium) await withChromium()
else t.pass('left out: Chromium is not installed', { skip: true })

import { mkdir } from 'node:fs/promises'
import { INDEPENDENT_LEADS } from '../../ecg/leads.js'
import { openBrowser } from './open-page.js'
import { type SimulatedPatient, startPageOfPatients } from './page-of-patients.js'

/**
 * `make pictures`: how the page looks, in every form that it has, into the folder of the argument. Whoever changes the page
 * looks at them; some are in the documentation.
 */
const folder = process.argv[2] ?? 'build/pictures'

const V3_OFF = 1 << 6
const patients = Array.from(
  { length: 16 },
  (_, i): SimulatedPatient => ({
    id: `bed-${String(i + 1).padStart(2, '0')}`,
    from: i % 3 === 0 ? 30 : (i * 7) % 20,
    leads: i === 4 ? ['II'] : i === 9 ? ['I', 'II', 'V1', 'V5'] : INDEPENDENT_LEADS,
    battery: 96 - 5 * i,
    ...(i === 2 && { electrodesOff: () => V3_OFF }),
  }),
)

/** Name, width, height, theme, hash, and what is chosen. */
type Picture = readonly [string, number, number, 'light' | 'dark', string, object?]

await mkdir(folder, { recursive: true })
const { url, stop } = await startPageOfPatients(patients, { hopSeconds: 5 })
const browser = await openBrowser()
await new Promise(resolve => setTimeout(resolve, 40_000))
const alert = await firstAlert()
const pictures: readonly Picture[] = [
  ['patient', 1440, 900, 'light', '/patient/bed-01'],
  ['patient-dark', 1440, 900, 'dark', '/patient/bed-01'],
  ['patient-12x1', 1440, 900, 'light', '/patient/bed-02', { layout: '12x1' }],
  ['patient-paper', 1440, 900, 'dark', '/patient/bed-02', { mode: 'paper' }],
  ['electrode-off', 1024, 768, 'light', '/patient/bed-03'],
  ['few-leads', 1024, 768, 'dark', '/patient/bed-10'],
  ['tablet-upright', 768, 1024, 'light', '/patient/bed-04'],
  ['wall', 1440, 900, 'dark', '/wall'],
  ['wall-light', 1440, 900, 'light', '/wall'],
  ['wall-tablet', 1024, 768, 'light', '/wall'],
  ['wall-tablet-upright', 768, 1024, 'dark', '/wall'],
  ['alert', 1440, 900, 'light', `/alert/${alert}`],
  ['alert-dark', 1440, 900, 'dark', `/alert/${alert}`, { layout: '12x1' }],
]
for (const [name, width, height, colorScheme, hash, chosen] of pictures) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme })
  const kept = JSON.stringify(JSON.stringify(chosen ?? {}))
  await page.addInitScript({ content: `localStorage.setItem('ecgclip', ${kept})` })
  await page.goto(`${url}#${hash}`)
  await page.waitForTimeout(4000)
  await page.screenshot({ path: `${folder}/${name}.png` })
  if (name === 'alert') await page.pdf({ path: `${folder}/alert.pdf`, preferCSSPageSize: true, printBackground: true })
  await page.close()
}
await browser.close()
await stop()

async function firstAlert(): Promise<string> {
  const page = await browser.newPage()
  await page.goto(`${url}#/wall`)
  // Of a patient with all leads.
  const link = page.locator('.alert').filter({ hasText: 'bed-01' }).locator('a').first()
  const href = await link.getAttribute('href', { timeout: 60_000 })
  await page.close()
  return href!.split('/').at(-1)!
}

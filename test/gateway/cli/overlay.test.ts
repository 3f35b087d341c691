import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import { generateSigningKey } from '../../../models/bundle/signing-key.js'
import { SHIPPED_BUNDLE, SHIPPED_DEMO_RECORDING } from '../../../models/shipped-assets.js'
import { runCli } from './run-cli.js'

t.test('a site signs an overlay and assesses with it; without the key it is refused', async t => {
  const folder = t.testdir({ trust: {} })
  const { publicKey } = generateSigningKey(join(folder, 'key.pem'))
  writeFileSync(join(folder, 'trust', 'site.pem'), readFileSync(publicKey))
  const { sha256: bundle } = await loadBundle(SHIPPED_BUNDLE)
  const overlay = {
    schema: 'urn:ecgclip:overlay:1',
    name: 'ward',
    bundle,
    disable: ['AFIB'],
    thresholds: {},
    heads: [],
  }
  const file = join(folder, 'overlay.json')
  writeFileSync(file, JSON.stringify(overlay))
  t.equal(await runCli('model', 'sign-overlay', file, '--key', join(folder, 'key.pem')).ended, 0)

  const assess = ['assess', SHIPPED_DEMO_RECORDING, '--json', '--variant', 'int8', '--overlay', file]
  const trusted = runCli(...assess, '--trust', join(folder, 'trust'))
  t.equal(await trusted.ended, 0)
  const [first] = trusted.out().split('\n')
  const tasks = Object.keys((JSON.parse(first!) as { tasks: Record<string, number> }).tasks)
  t.ok(tasks.length > 1 && !tasks.includes('AFIB'))

  const unknown = runCli(...assess)
  t.equal(await unknown.ended, 3)
  t.match(unknown.err(), /which is not trusted here/)
})

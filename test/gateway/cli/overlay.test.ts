import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import { generateSigningKey, signBundle, signFile } from '../../../models/bundle/signing-key.js'
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

t.test('what a revoked key has signed does not start, although its folder is trusted', async t => {
  const folder = t.testdir({ trust: {}, data: {} })
  const [data, trust] = [join(folder, 'data'), join(folder, 'trust')]
  const key = join(folder, 'key.pem')
  const { id, publicKey } = generateSigningKey(key)
  writeFileSync(join(trust, 'site.pem'), readFileSync(publicKey))
  const { sha256 } = await loadBundle(SHIPPED_BUNDLE)
  const overlay = join(folder, 'overlay.json')
  const content = {
    schema: 'urn:ecgclip:overlay:1',
    name: 'ward',
    bundle: sha256,
    disable: [],
    thresholds: {},
    heads: [],
  }
  writeFileSync(overlay, JSON.stringify(content))
  signFile(overlay, `${overlay}.sig`, key)
  const bundle = join(folder, 'bundle')
  cpSync(SHIPPED_BUNDLE, bundle, { recursive: true })
  signBundle(bundle, key)
  t.equal(await runCli('key', 'revoke', id, '--data', data).ended, 0)

  for (const signed of [
    ['--overlay', overlay],
    ['--bundle', bundle],
  ]) {
    const gateway = runCli('run', '--broker', 'embedded', '--data', data, '--trust', trust, ...signed)
    t.teardown(() => gateway.process.kill('SIGKILL'))
    gateway.process.stderr?.on('data', () => /gateway started/.test(gateway.err()) && gateway.process.kill())
    t.equal(await gateway.ended, 3)
    t.match(gateway.err(), /which is not trusted here/)
  }
})

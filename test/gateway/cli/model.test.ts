import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { keyCommand } from '../../../gateway/cli/key.js'
import { modelCommand } from '../../../gateway/cli/model.js'
import { entriesOf, writeArchive } from '../../models/fixtures/build-archive.js'
import { buildBundle, type Edits, expected } from '../../models/fixtures/build-bundle.js'
import { runCli } from './run-cli.js'
import { runHere } from './run-here.js'

/** The program as a technician uses it, on a store of its own. */
function stage(t: Test) {
  const folder = t.testdir()
  const data = join(folder, 'data')
  let made = 0
  return {
    folder,
    data,
    build: (edits: Edits = {}) => buildBundle(join(folder, `made-${made++}`), edits),
    cli: (group: 'model' | 'key', ...args: string[]) =>
      runHere(group === 'model' ? modelCommand() : keyCommand(), ...args),
  }
}

t.test(
  'generate, sign, pack, trust, install, roll back, rotate and revoke: the life of a bundle and its keys',
  async t => {
    const { folder, data, build, cli } = stage(t)
    const [first, next] = [join(folder, 'first.pem'), join(folder, 'next.pem')]
    const generated = await cli('key', 'generate', '--out', first)
    const [, id] = /^key ([0-9a-f]{16})$/m.exec(generated.out)!
    t.equal(statSync(first).mode & 0o777, 0o600)
    t.match(await cli('key', 'generate', '--out', first), { code: 2, err: /exists already/ })

    const { directory, trust } = build()
    t.match(
      await cli('model', 'sign', directory, '--key', first),
      { code: 3, err: /not trusted/ },
      'nothing is signed unseen',
    )
    t.match(await cli('model', 'sign', directory, '--key', first, '--trust', trust), { code: 0, out: id })
    const archive = join(folder, 'tiny.tar.gz')
    t.match(await cli('model', 'pack', directory, '--out', archive, '--data', data), { code: 3, err: /not trusted/ })
    t.match(await cli('model', 'install', archive, '--data', data), {
      code: 3,
      err: /does not exist; check the path/,
    })

    t.match(await cli('key', 'trust', join(folder, `${id}.pem`), '--data', data), { code: 0 })
    t.match(await cli('model', 'pack', directory, '--out', archive, '--data', data), { code: 0, out: archive })
    t.match(await cli('model', 'verify', archive, '--data', data), { code: 0, out: /passes its goldens here/ })
    const installed = await cli('model', 'install', archive, '--data', data, '--json')
    t.match(installed.json(), { slot: 'a', name: 'tiny', version: '1.0.0', key: id })
    const list = await cli('model', 'list', '--data', data, '--json')
    t.match(list.json(), {
      bundles: [
        { slot: 'shipped', state: 'kept' },
        { slot: 'a', state: 'trial', fault: null },
      ],
    })
    t.match(await cli('model', 'list', '--data', data), { out: /^a +tiny +1\.0\.0/m })
    t.match(await cli('model', 'inspect', '--data', data), { code: 0, out: /^bundle +tiny 1\.0\.0, counter 1/m })
    t.match((await cli('model', 'inspect', archive, '--data', data, '--json')).json(), { manifest: { name: 'tiny' } })

    t.match(await cli('model', 'rollback', '--data', data), { code: 0, out: /The shipped bundle is active/ })
    t.match(await cli('model', 'rollback', '--data', data), { code: 2, err: /nothing to go back to/ })
    t.match((await cli('model', 'activate', 'a', '--data', data, '--json')).json(), { active: 'a', version: '1.0.0' })
    t.match(await cli('model', 'activate', 'b', '--data', data), { code: 2, err: /Slot b is empty/ })
    t.match(await cli('model', 'activate', 'c', '--data', data), { code: 2 })

    const [, second] = /^key ([0-9a-f]{16})$/m.exec((await cli('key', 'generate', '--out', next)).out)!
    const nextPublic = join(folder, `${second}.pem`)
    t.match(await cli('key', 'rotate', id!, nextPublic, '--data', data), {
      code: 3,
      err: /still vouches for tiny 1\.0\.0/,
    })
    t.match(
      await cli('model', 'sign', directory, '--key', next, '--trust', folder),
      { code: 3 },
      'private keys lie there',
    )
    const publicKeys = join(folder, 'public')
    mkdirSync(publicKeys)
    cpSync(join(folder, `${id}.pem`), join(publicKeys, `${id}.pem`))
    t.match(await cli('model', 'sign', directory, '--key', next, '--trust', publicKeys), { code: 0, out: second })
    t.match(await cli('key', 'trust', nextPublic, '--data', data), { code: 0 })
    t.match(await cli('model', 'install', directory, '--data', data), { code: 0 })
    t.match(await cli('key', 'rotate', id!, nextPublic, '--data', data, '--force'), { code: 0 })
    t.match((await cli('key', 'list', '--data', data, '--json')).json(), [
      { id: second, origin: 'site', revoked: false },
      { id, origin: 'site', revoked: true },
      { origin: 'shipped', revoked: false },
    ])
    t.match((await cli('model', 'list', '--data', data, '--json')).json(), {
      bundles: [{}, { slot: 'a', key: second }],
    })
    t.match(await cli('key', 'revoke', second!, '--data', data), { code: 0, out: /No longer used.*tiny 1\.0\.0/ })
    t.match((await cli('model', 'list', '--data', data, '--json')).json(), {
      bundles: [{}, { slot: 'a', state: 'damaged' }],
    })
  },
)

t.test('a bundle that must not run is refused with the reason, and leaves everything as it was', async t => {
  const { folder, data, build, cli } = stage(t)
  const wrong = Object.fromEntries(
    Object.entries(expected.expected).map(([file, rows]) => [file, rows.map(row => row.map(p => 1 - p))]),
  )
  const failing = build({ files: { 'goldens.json': Buffer.from(JSON.stringify(wrong)) } })
  t.match(await cli('model', 'verify', failing.directory, '--data', data, '--trust', failing.trust), {
    code: 3,
    err: /^The model cannot run here \(int8\.onnx.*in the goldens/,
  })
  const { directory, trust } = build()
  const entries = entriesOf(directory)
  const escaping = writeArchive(folder, [...entries, { path: '../../escaped', content: Buffer.from('x') }])
  const cases: [string, string, RegExp][] = [
    [failing.directory, failing.trust, /off by .* in the goldens/],
    [escaping, trust, /leads out of it/],
    [directory, failing.trust, /is not trusted here/],
    [join(folder, 'absent.tar.gz'), trust, /does not exist/],
    ['http://example.org/b.tar.gz', trust, /is not fetched: use https/],
  ]
  for (const [source, keys, err] of cases) {
    const run = await cli('model', 'install', source, '--data', data, '--trust', keys)
    t.match(run, { err }, source)
    t.ok(run.code === 3 || run.code === 2, `${source}: ${run.code}`)
    t.notMatch(run.err, /\n/)
  }
  t.equal(existsSync(join(folder, 'escaped')), false)
  t.match((await cli('model', 'list', '--data', data, '--json')).json(), {
    bundles: [{ slot: 'shipped', state: 'active' }],
  })
})

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const python = join(root, '.venv/bin/python')
const skip = existsSync(python) ? false : 'there is no Python here'

t.test('a bundle that Python packs is one that this program installs', { skip }, async t => {
  const { folder, data, build, cli } = stage(t)
  const { directory, trust } = build()
  const archive = join(folder, 'python.tar.gz')
  const packed = spawnSync(python, ['-m', 'ecgclip', 'pack', directory, archive], {
    env: { ...process.env, PYTHONPATH: join(root, 'quantize') },
    encoding: 'utf8',
  })
  t.equal(packed.status, 0, packed.stderr)
  t.match(await cli('model', 'verify', archive, '--data', data, '--trust', trust), { code: 0 })
  const ours = join(folder, 'ours.tar.gz')
  await cli('model', 'pack', directory, '--out', ours, '--trust', trust)
  const names = (file: string) => spawnSync('tar', ['-tzf', file], { encoding: 'utf8' }).stdout
  t.equal(names(archive), names(ours))
})

t.test('the configuration says where the store is and whom it trusts', async t => {
  const { folder, build } = stage(t)
  const { directory, trust } = build()
  renameSync(trust, join(folder, 'keys'))
  const file = join(folder, 'gateway.yaml')
  writeFileSync(file, `data: ${join(folder, 'state')}\ntrust: ${join(folder, 'keys')}\n`)
  const run = runCli('model', 'install', directory, '-c', file)
  t.equal(await run.ended, 0)
  t.match(run.out(), /slot a, on trial/)
  t.match(JSON.parse(readFileSync(join(folder, 'state/models/state.json'), 'utf8')), { active: 'a' })
})

t.test('a mistake in a subcommand is a mistake in the usage', async t => {
  const run = runCli('model', 'activate')
  t.equal(await run.ended, 2)
  t.match(run.err(), /^ecgclip: missing required argument 'slot'/)
})

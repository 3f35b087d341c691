import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { parse, parseDocument, type Scalar, type YAMLMap } from 'yaml'
import { changedKeys } from '../../../gateway/config/changed-keys.js'
import { configJsonSchema, configKeys } from '../../../gateway/config/config-keys.js'
import { loadConfig } from '../../../gateway/config/load-config.js'
import { migrate } from '../../../gateway/config/migrations.js'
import { referencePage } from '../../../gateway/config/reference-page.js'
import { startingFile } from '../../../gateway/config/starting-file.js'
import { runCli } from '../cli/run-cli.js'

t.setTimeout(120_000)

const ROOT = new URL('../../../../', import.meta.url)

t.test('the starting file is the default configuration, as it is and with every default uncommented', async t => {
  const folder = t.testdir({ 'as-is.yaml': startingFile(), 'uncommented.yaml': uncommented(startingFile()) })
  const defaults = loadConfig(undefined)
  t.same(loadConfig(join(folder, 'as-is.yaml')), defaults)
  t.same(loadConfig(join(folder, 'uncommented.yaml')), {
    ...defaults,
    devices: [{ uri: 'serial:/dev/ttyACM0' }],
  })
})

t.test('the JSON Schema accepts what the program accepts, and refuses what it refuses', async t => {
  const accepts = new Ajv2020({ strict: false }).compile(configJsonSchema())
  t.ok(accepts(parse(uncommented(startingFile()))))
  t.ok(accepts({}))
  t.notOk(accepts({ hopSecond: 5 }))
  t.notOk(accepts({ log: { level: 'loud' } }))
  t.notOk(accepts({ devices: [{}] }))
})

t.test('every key is described', async t => {
  for (const { path, description } of configKeys()) t.not(description, '', path)
})

t.test('docs/configuration.md is what the schema says; `make reference` writes it', async t => {
  t.equal(readFileSync(new URL('docs/configuration.md', ROOT), 'utf8'), referencePage())
})

t.test('a change is told apart by whether a reload applies it', async t => {
  const before = loadConfig(undefined, { id: 'a' })
  t.same(changedKeys(before, loadConfig(undefined, { id: 'a' })), { live: [], restart: [] })
  const after = loadConfig(undefined, { id: 'b', log: { level: 'warn' }, devices: [{ uri: 'tcp:127.0.0.1:1' }] })
  t.same(changedKeys(before, after), { live: ['log.level'], restart: ['id', 'devices'] })
})

t.test('migrations run in order from the version of the file on, and keep its comments', async t => {
  const migrations = [
    { to: 2, what: 'hop is in seconds', apply: rename('hop', 'hopSeconds') },
    { to: 3, what: 'id is called name', apply: rename('id', 'name') },
  ]
  const document = parseDocument('# ward 3\nid: a # by the door\nhop: 2\n')
  t.same(migrate(document, 'f', migrations, 3), ['version 2: hop is in seconds', 'version 3: id is called name'])
  t.same(document.toJS(), { name: 'a', hopSeconds: 2, version: 3 })
  t.match(document.toString(), '# ward 3')
  t.same(migrate(document, 'f', migrations, 3), [], 'nothing is left to do')
})

t.test('a file of a newer program, or of a version that is none, is refused', async t => {
  t.throws(() => migrate(parseDocument('version: 9'), 'f'), { code: 'CONFIG_VERSION', message: /newer/ })
  for (const version of ['0', '1.5', 'one'])
    t.throws(() => migrate(parseDocument(`version: ${version}`), 'f'), { code: 'CONFIG_VERSION' })
})

t.test('ecgclip config: init writes a file that check accepts and does not overwrite; schema is JSON', async t => {
  const file = join(t.testdir(), 'gateway.yaml')
  t.equal(await runCli('config', 'init', file).ended, 0)
  t.equal(statSync(file).mode & 0o777 & 0o007, 0, 'not readable by others')
  t.equal(await runCli('config', 'check', file).ended, 0)
  const again = runCli('config', 'init', file)
  t.equal(await again.ended, 2)
  t.match(again.err(), /exists already/)
  writeFileSync(file, 'hopSecond: 5\nlog: { level: loud }\n')
  const bad = runCli('config', 'check', file)
  t.equal(await bad.ended, 2)
  t.match(bad.err(), /hopSecond.*log\.level|log\.level.*hopSecond/)
  const schema = runCli('config', 'schema')
  t.equal(await schema.ended, 0)
  t.match(JSON.parse(schema.out()), { $id: 'urn:ecgclip:schema:config:1' })
  writeFileSync(file, 'id: a\n')
  const migrated = runCli('config', 'migrate', file)
  t.equal(await migrated.ended, 0)
  t.match(migrated.out(), /up to date/)
})

/** In place, so that the comments around the key stay. */
function rename(from: string, to: string) {
  return (document: ReturnType<typeof parseDocument>) => {
    const pair = (document.contents as YAMLMap<Scalar>).items.find(({ key }) => key.value === from)
    if (pair) pair.key.value = to
  }
}

/** Every line that would be a key without its "#". */
function uncommented(text: string): string {
  return text
    .split('\n')
    .map(line => (/^#\s*[A-Za-z]+:( [^#]|$)/.test(line) ? line.slice(1) : line))
    .join('\n')
}

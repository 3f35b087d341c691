import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { ClassicLevel } from 'classic-level'
import t, { type Test } from 'tap'
import { list } from 'tar'
import { Millis } from '../../../ecg/units.js'
import { makeBackup } from '../../../gateway/backup/make-backup.js'
import { restoreBackup } from '../../../gateway/backup/restore-backup.js'
import { loadConfig } from '../../../gateway/config/load-config.js'
import { type OutboxStore, openOutboxStore } from '../../../gateway/mqtt/outbox-store.js'
import { runCli } from '../cli/run-cli.js'
import { recordedLog } from '../mqtt/messaging-rig.js'

t.setTimeout(120_000)

const YAML = 'id: ward-3\nbroker: { url: "mqtts://broker.example", passwordFile: /etc/ecgclip/password }\n'
const SEQUENCE = { session: 7, seqLimit: 5000 }

/** A gateway's folders with something of everything in them. */
function gateway(t: Test) {
  const folder = t.testdir({
    'gateway.yaml': YAML,
    data: {
      'sequence.json': JSON.stringify(SEQUENCE),
      models: { 'state.json': '{}', bundles: { 'a.1': { 'manifest.json': 'bundle' } }, incoming: { half: 'half' } },
      outbox: { '000001.log': 'alerts' },
      'outbox.damaged-3': { CURRENT: 'x' },
      mirrors: { study: { 'sequence.json': JSON.stringify(SEQUENCE), outbox: { '000001.log': 'alerts' } } },
    },
    elsewhere: {},
  })
  const configFile = join(folder, 'gateway.yaml')
  const data = join(folder, 'data')
  const config = { ...loadConfig(configFile), data }
  const file = join(folder, 'ward-3.tar.gz')
  const make = () => makeBackup(file, { config, configFile, version: '0.1.0', now: new Date(0) })
  return {
    folder,
    configFile,
    data,
    file,
    make,
    target: { configFile: join(folder, 'elsewhere/gateway.yaml'), data: join(folder, 'elsewhere/data'), force: false },
  }
}

/** As the gateway takes it up when it starts. */
async function numbering(t: Test, folder: string): Promise<OutboxStore> {
  const store = await openOutboxStore(folder, Millis(10), recordedLog())
  t.teardown(() => store.close())
  return store
}

t.test('what comes back is the configuration, the models, and a numbering far above the one that went in', async t => {
  const { file, make, target } = gateway(t)
  const manifest = await make()
  t.same(manifest.secrets, ['/etc/ecgclip/password'], 'the operator is told what else to keep')
  await restoreBackup(file, target)
  t.equal(readFileSync(target.configFile, 'utf8'), YAML)
  t.equal(readFileSync(join(target.data, 'models/bundles/a.1/manifest.json'), 'utf8'), 'bundle')
  t.same(JSON.parse(readFileSync(join(target.data, 'sequence.json'), 'utf8')), { session: 1007, seqLimit: 1_005_000 })
})

t.test('neither undelivered alerts nor half a bundle nor a secret is in it, and others cannot read it', async t => {
  const { file, make } = gateway(t)
  await make()
  const names: string[] = []
  await list({ file, onReadEntry: entry => names.push(entry.path) })
  t.same(names, [
    'backup.json',
    'config.yaml',
    'state/mirrors/study/sequence.json',
    'state/models/bundles/a.1/manifest.json',
    'state/models/state.json',
    'state/sequence.json',
  ])
  t.equal(statSync(file).mode & 0o077, 0)
})

t.test('a state that changes while it is copied gives no backup with a part of it', async t => {
  const { folder, data, file, make } = gateway(t)
  const bundle = join(data, 'models/bundles/0-old')
  mkdirSync(bundle)
  for (let n = 0; n < 2000; n++) writeFileSync(join(bundle, String(n)), '')
  const made = make()
  const copied = () =>
    readdirSync(folder, { recursive: true }).filter(path => /^\.ecgclip-backup-.*0-old.\d/.test(String(path)))
  while (copied().length === 0) await setImmediate()
  rmSync(bundle, { recursive: true }) // as the store does with a bundle that no slot names
  await t.rejects(made, { code: 'BACKUP_UNREADABLE', message: /again/ })
  t.notOk(existsSync(file))
  t.ok(await make())
})

t.test('a folder without a state gives no backup that lacks it', async t => {
  const { folder, configFile } = gateway(t)
  const config = { ...loadConfig(configFile), data: join(folder, 'elsewhere') }
  const made = makeBackup(join(folder, 'b.tar.gz'), { config, configFile, version: '0.1.0', now: new Date(0) })
  await t.rejects(made, { code: 'BACKUP_UNREADABLE', message: /elsewhere holds no state.*--data/ })
  t.notOk(existsSync(join(folder, 'b.tar.gz')))
})

t.test('the state goes where the restored configuration has it, unless another folder is named', async t => {
  const { folder, configFile, data, file, make, target } = gateway(t)
  const home = join(folder, 'moved')
  writeFileSync(configFile, `${YAML}data: ${home}\n`)
  await make()
  await restoreBackup(file, { configFile: target.configFile, force: false })
  t.same(Object.keys(JSON.parse(readFileSync(join(home, 'sequence.json'), 'utf8'))), ['session', 'seqLimit'])
  t.not(home, data)

  writeFileSync(configFile, `${YAML}data: [\n`)
  await make()
  const again = join(folder, 'elsewhere/again.yaml')
  await t.rejects(restoreBackup(file, { configFile: again, force: false }), { message: /give --data/ })
  t.notOk(existsSync(again))
})

t.test(
  'what root restores is the gateway’s to read and write, as what was there before',
  { skip: process.getuid?.() !== 0 && 'only root may give files away' },
  async t => {
    const { file, make, target } = gateway(t)
    await make()
    mkdirSync(target.data)
    writeFileSync(target.configFile, 'id: fresh\n', { mode: 0o640 })
    const [user, group] = [990, 991]
    chownSync(target.data, user, group)
    chownSync(target.configFile, 0, group)
    await restoreBackup(file, { ...target, force: true })
    for (const path of readdirSync(target.data, { recursive: true }))
      t.match(statSync(join(target.data, String(path))), { uid: user, gid: group }, String(path))
    const { uid, gid, mode } = statSync(target.configFile)
    t.same({ uid, gid, mode: mode & 0o777 }, { uid: 0, gid: group, mode: 0o640 })
  },
)

t.test('a backup is not written into the folder that it copies', async t => {
  const { configFile, data } = gateway(t)
  const parts = { config: { ...loadConfig(configFile), data }, configFile, version: '0.1.0', now: new Date(0) }
  for (const place of ['b.tar.gz', 'models/b.tar.gz'])
    await t.rejects(makeBackup(join(data, place), parts), { code: 'BACKUP_IN_THE_WAY', message: /elsewhere/ })
})

t.test('a damaged or cut file restores nothing', async t => {
  const { file, make, target } = gateway(t)
  await make()
  const whole = readFileSync(file)
  for (const keep of [0, 20, whole.length >> 1, whole.length - 9]) {
    writeFileSync(file, whole)
    truncateSync(file, keep)
    await t.rejects(restoreBackup(file, target), { code: 'BACKUP_DAMAGED' }, `${keep} of ${whole.length} bytes`)
  }
  t.throws(() => statSync(target.configFile))
})

t.test('what is there is not replaced unless asked, and then the higher numbering counts', async t => {
  const { file, make, target } = gateway(t)
  await make()
  mkdirSync(target.data)
  writeFileSync(join(target.data, 'sequence.json'), JSON.stringify({ session: 20, seqLimit: 9000 }))
  await t.rejects(restoreBackup(file, target), { code: 'BACKUP_IN_THE_WAY' })
  await restoreBackup(file, { ...target, force: true })
  t.same(JSON.parse(readFileSync(join(target.data, 'sequence.json'), 'utf8')), { session: 1020, seqLimit: 1_009_000 })
})

t.test(
  'a mirror numbers on far above too, and its password and key are no more part of it than the broker’s',
  async t => {
    const { configFile, data, file, target } = gateway(t)
    const mirror = 'url: "mqtts://study.example", passwordFile: /etc/ecgclip/study, keyFile: /etc/ecgclip/study.key'
    writeFileSync(configFile, `${YAML}mirrors: { study: { ${mirror} } }\n`)
    const config = { ...loadConfig(configFile), data }
    const { secrets } = await makeBackup(file, { config, configFile, version: '0.1.0', now: new Date(0) })
    t.same(secrets, ['/etc/ecgclip/password', '/etc/ecgclip/study', '/etc/ecgclip/study.key'])
    await restoreBackup(file, target)
    const { seq, session } = await numbering(t, join(target.data, 'mirrors/study'))
    t.same({ seq, session }, { seq: 1_004_999, session: 1008 })
  },
)

t.test(
  'over a gateway that has its own outbox no number is used twice, and its alerts are not told as the other’s',
  async t => {
    const { file, make, target } = gateway(t)
    await make()
    const said = (id: string) => `{"gateway":"${id}"}`
    for (const [id, kept] of [
      ['ward-3', 1],
      ['spare', 0],
    ] as const) {
      const data = join(target.data, id)
      const store = await openOutboxStore(data, Millis(10), recordedLog())
      await store.write([{ type: 'put', key: 'm0000000000000001 message 9 d/AFIB', value: said(id) }], 1)
      await store.close()
      await restoreBackup(file, { ...target, data, force: true })
      const { seq, session, found } = await numbering(t, data)
      t.match({ seq, session, found }, { seq: 1_004_999, session: 1008, found: { messages: kept } }, id)
    }
  },
)

t.test('the state of a gateway that runs is left alone', async t => {
  const { file, make, target } = gateway(t)
  await make()
  mkdirSync(target.data)
  const outbox = new ClassicLevel(join(target.data, 'outbox'))
  await outbox.open()
  t.teardown(() => outbox.close())
  await t.rejects(restoreBackup(file, target), { code: 'BACKUP_GATEWAY_RUNS' })
})

t.test('the command line does both', async t => {
  const { folder, data } = gateway(t)
  const backup = runCli('backup', join(folder, 'b.tar.gz'), '-c', join(folder, 'gateway.yaml'), '--data', data)
  t.equal(await backup.ended, 0, backup.err())
  t.match(backup.out(), /5 files of ward-3.\nNot part of it, keep them elsewhere: \/etc\/ecgclip\/password/)
  const to = ['-c', join(folder, 'new.yaml'), '--data', join(folder, 'new')]
  const restore = runCli('restore', join(folder, 'b.tar.gz'), ...to)
  t.equal(await restore.ended, 0, restore.err())
})

import { generateKeyPairSync, sign } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import t from 'tap'
import { loadConfig } from '../../../gateway/config/load-config.js'
import { startGateway } from '../../../gateway/gateway.js'
import { loadBundle } from '../../../models/bundle/load-bundle.js'
import { packBundle } from '../../../models/bundle/pack-bundle.js'
import { keyId } from '../../../models/bundle/trusted-keys.js'
import { SHIPPED_BUNDLE, SHIPPED_DEMO_RECORDING } from '../../../models/shipped-assets.js'

/** A gateway that streams, and a bundle that comes over MQTT meanwhile. */

const CHUNK = 192 * 1024
const signer = generateKeyPairSync('ed25519')
const key = keyId(signer.publicKey)

/** The shipped network as another maker's next version, packed. */
async function nextVersion(folder: string, trust: string, version: string): Promise<string> {
  const directory = join(folder, version)
  cpSync(SHIPPED_BUNDLE, directory, { recursive: true })
  const manifest = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8'))
  const bytes = Buffer.from(JSON.stringify({ ...manifest, name: 'site', version }))
  writeFileSync(join(directory, 'manifest.json'), bytes)
  const sig = sign(null, bytes, signer.privateKey).toString('base64')
  writeFileSync(join(directory, 'manifest.sig'), JSON.stringify({ key, sig }))
  const archive = `${directory}.tar.gz`
  await packBundle(await loadBundle(directory, [trust]), archive)
  return archive
}

interface Reply {
  status: string
  transaction: number
  code?: string
  data: { bytes?: number; phase?: string; version?: string; bundles?: { slot: string; state: string }[] }
}

t.test('a bundle comes over MQTT in pieces, takes over and is taken back, and no window is lost', async t => {
  const { manifest: shipped } = await loadBundle(SHIPPED_BUNDLE)
  const folder = t.testdir()
  const trust = join(folder, 'trust')
  mkdirSync(trust)
  writeFileSync(join(trust, 'site.pem'), signer.publicKey.export({ type: 'spki', format: 'pem' }))
  const archive = readFileSync(await nextVersion(folder, trust, '9.0.0'))
  const config = loadConfig(undefined, {
    id: 'gw',
    data: join(folder, 'data'),
    trust,
    devices: [{ uri: `replay:${SHIPPED_DEMO_RECORDING}` }],
    broker: { url: 'embedded', embeddedPort: 0 },
    monitor: { enabled: false },
    hopSeconds: 0.5,
  })
  const errors: string[] = []
  const log = { info() {}, warn() {}, error: (_: object, message: string) => void errors.push(message) }
  const gateway = await startGateway({ config, version: '0', log })
  t.teardown(() => gateway.stop())
  const client = await connectAsync(gateway.messaging.url.href)
  t.teardown(() => client.endAsync())

  const windows: { window: number; quality: string; tasks: object; model: { bundle: string; version: string } }[] = []
  const replies: Reply[] = []
  const waiting = new Set<() => void>()
  client.on('message', (topic, payload) => {
    const message = JSON.parse(payload.toString())
    if (topic.endsWith('/assessment')) windows.push(message)
    else replies.push(message)
    for (const check of waiting) check()
  })
  await client.subscribeAsync(['ecg/gw/device/+/assessment', 'ecg/gw/reply/#'], { qos: 1 })
  const until = <T>(look: () => T | undefined) =>
    new Promise<T>(resolve => {
      const check = () => {
        const found = look()
        if (found === undefined) return
        waiting.delete(check)
        resolve(found)
      }
      waiting.add(check)
      check()
    })
  let transaction = 0
  const ask = async (verb: string, command: object): Promise<Reply> => {
    const mine = ++transaction
    await client.publishAsync(`ecg/gw/cmd/${verb}`, JSON.stringify({ transaction: mine, ...command }), { qos: 1 })
    return until(() => replies.find(reply => reply.transaction === mine && reply.status !== 'progress'))
  }
  const runs = (bundle: string) =>
    until(() => windows.filter(({ model }) => model.bundle === bundle).length > 2 || undefined)

  await runs(shipped.name)
  const damaged = Buffer.from(archive)
  damaged[archive.length >> 1]! ^= 1
  const send = async (transfer: string, bytes: Buffer): Promise<Reply> => {
    for (let offset = 0; ; ) {
      const data = bytes.subarray(offset, offset + CHUNK).toString('base64')
      const reply = await ask('model/install', { transfer, offset, total: bytes.length, data })
      if (reply.status !== 'ok' || reply.data.phase !== 'transfer') return reply
      offset = reply.data.bytes!
    }
  }
  t.match(await send('damaged', damaged), { status: 'error', code: /^BUNDLE_/ })
  t.match(await ask('model/install', { url: 'http://example.org/b' }), {
    status: 'error',
    code: 'DELIVERY_URL_REFUSED',
  })
  t.match(await ask('model/rollback', {}), { status: 'error', code: 'STORE_NOTHING_BEFORE' })
  t.match(await ask('model/install', { transfer: 'x' }), { status: 'error', code: 'COMMAND_INVALID' })

  t.match(await send('whole', archive), { status: 'ok', data: { name: 'site', version: '9.0.0', key, phase: 'trial' } })
  const phases = replies.filter(({ status }) => status === 'progress').map(({ data }) => data.phase)
  t.same([...new Set(phases)], ['check', 'unpack', 'prove'])
  await runs('site')
  t.match((await ask('model/list', {})).data.bundles, [
    { slot: 'shipped', state: 'kept' },
    { slot: 'a', state: 'trial' },
  ])
  t.match(await ask('model/rollback', {}), { status: 'ok', data: { name: shipped.name } })
  const taken = windows.length
  await until(() => windows.slice(taken).filter(({ model }) => model.bundle === shipped.name).length > 2 || undefined)

  const first = windows[0]!.window
  t.same(
    windows.map(({ window }) => window),
    windows.map((_, i) => first + i),
    'every window, in order, once',
  )
  t.same(
    windows.filter(({ tasks }) => Object.keys(tasks).length === 0),
    [],
    'every one with its findings',
  )
  t.same(errors, [])
})

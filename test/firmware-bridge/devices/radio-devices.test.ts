import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { SampleIndex } from '../../../ecg/units.js'
import { openDevice } from '../../../firmware-bridge/devices/open-device.js'
import { playCapture } from '../../../firmware-bridge/emulator/played-capture.js'
import { listenTcp } from '../../../firmware-bridge/emulator/tcp-listener.js'
import { CaptureKind } from '../../../firmware-bridge/recording/capture-format.js'
import { readCapture } from '../../../firmware-bridge/recording/read-capture.js'
import { NO_RADIO } from '../ble/virtual-radio.js'
import { type Listened, listen, until } from '../listen.js'
import { recordDevice } from '../record-device.js'

const PYTHON = '.venv/bin/python'
const PROGRAM = 'test/firmware-bridge/devices/vendor_peripheral.py'
/** As in vendor_peripheral.py. */
const ADDRESS = 'C0:FF:EE:00:00:07'

const VENDORS = [
  {
    vendor: 'polar-h10',
    name: 'Polar H10 7E1B2C3D',
    perPacket: 13,
    identity: { id: /^polar-h10-c0:?ff:?ee:?00:?00:?07$/i, model: 'Polar H10', rate: 130, lsb: 0.001 },
  },
  {
    vendor: 'movesense',
    name: 'Movesense 174630000192',
    perPacket: 16,
    identity: { id: 'movesense-174630000192', model: 'Movesense', firmware: '2.3.1', rate: 128 },
  },
] as const

interface Peripheral {
  readonly adapter: string
  do(what: 'leave' | 'come_back'): Promise<unknown>
  account(): Promise<{ sent: number; lost: number; streaming: boolean }>
}

async function openPeripheral(t: Test, options: { vendor: string; loss?: number }): Promise<Peripheral> {
  const path = join(t.testdir(), 'hci')
  const child = spawn(PYTHON, [PROGRAM, path, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  await lines.next()
  const order = async (what: string) => {
    child.stdin.write(`${JSON.stringify({ do: what })}\n`)
    return JSON.parse((await lines.next()).value)
  }
  return { adapter: `uart:${path}`, do: order, account: () => order('account') }
}

function start(t: Test, vendor: string, peripheral: Peripheral, place: string = ADDRESS) {
  const device = openDevice(`ble:${place}?driver=${vendor}&adapter=${peripheral.adapter}`)
  t.teardown(() => device.stop())
  const listened = listen()
  device.start(listened.listener)
  return { device, listened }
}

const missing = ({ delivered }: Listened) => Math.max(...delivered.keys()) + 1 - delivered.size

/** Of each notification in a capture, with its characteristic, in hexadecimal. */
async function values(path: string): Promise<string[]> {
  const { entries } = await readCapture(path)
  return [...entries()]
    .filter(({ kind }) => kind === CaptureKind.Notified)
    .map(({ payload }) => Buffer.from(payload).toString('hex'))
}

for (const { vendor, name, perPacket, identity } of VENDORS) {
  const options = { skip: NO_RADIO }

  t.test(`${vendor} through a real Bluetooth stack: found by its name, started, exact, stopped`, options, async t => {
    const peripheral = await openPeripheral(t, { vendor })
    const { device, listened } = start(t, vendor, peripheral, name)
    await until(() => listened.delivered.size >= 400)
    t.ok(device.timeOf(SampleIndex(300))!.uncertaintyMs < 100)
    await device.stop()
    t.match(listened.identities, [identity])
    t.same(listened.wrong, [])
    t.match(device.counters, { missingSamples: 0, lostPackets: 0, badFrames: 0 })
    t.equal((await peripheral.account()).streaming, false, 'it was told to stop, or its battery would be flat')
  })

  t.test(`${vendor}: three notifications in ten are lost, and the account is exact`, options, async t => {
    const peripheral = await openPeripheral(t, { vendor, loss: 0.3 })
    const { device, listened } = start(t, vendor, peripheral)
    await until(() => listened.delivered.size >= 20 * perPacket && device.counters.lostPackets > 5)
    t.same(listened.wrong, [])
    t.equal(device.counters.missingSamples, missing(listened))
    t.equal(device.counters.missingSamples, device.counters.lostPackets * perPacket)
    t.ok((await peripheral.account()).lost >= device.counters.lostPackets)
  })

  t.test(`${vendor}: what was captured gives the same device and the same samples again`, options, async t => {
    const folder = t.testdir()
    const peripheral = await openPeripheral(t, { vendor })
    const uri = `ble:${ADDRESS}?driver=${vendor}&adapter=${peripheral.adapter}`
    const first = await recordDevice(uri, folder, 'a', 300, vendor)
    const { address, notified } = await readCapture(first.capture.path)
    t.match({ address, notified }, { address: /^c0:?ff:?ee:?00:?00:?07$/i, notified: true })

    const listened = listen()
    const replayed = openDevice(`replay:${first.capture.path}?driver=${vendor}`)
    t.teardown(() => replayed.stop())
    replayed.start(listened.listener)
    await until(() => listened.delivered.size >= first.records[0]!.samples)
    t.match(listened.identities, [identity])
    t.equal(listened.delivered.size, first.records[0]!.samples)
    t.same(listened.wrong, [])

    const { capture } = await recordDevice(`replay:${first.capture.path}?driver=${vendor}`, folder, 'b', 1e9, vendor)
    t.strictSame(await values(capture.path), await values(first.capture.path), 'value for value, byte for byte')

    const toCable = playCapture(await readCapture(capture.path), 1, received => listenTcp('127.0.0.1', 0, received))
    await t.rejects(toCable, { code: 'unsupported', message: /notifications.*--device 'replay:/ })
  })

  t.test(`${vendor} goes out of reach and comes back: it streams again, in a new boot`, options, async t => {
    const peripheral = await openPeripheral(t, { vendor })
    const { device, listened } = start(t, vendor, peripheral)
    await until(() => listened.delivered.size > 0)
    await peripheral.do('leave')
    await until(() => listened.state() === 'lost')
    await peripheral.do('come_back')
    await until(() => listened.state() === 'streaming')
    t.equal(listened.identities.length, 2)
    t.equal(listened.identities[0]!.id, listened.identities[1]!.id)
    t.equal(device.counters.reopens, 1)
  })
}

t.test('the wrong driver for a sensor says so', { skip: NO_RADIO }, async t => {
  const peripheral = await openPeripheral(t, { vendor: 'movesense' })
  const { listened } = start(t, 'polar-h10', peripheral)
  await until(() => listened.states.length > 0)
  t.match(listened.states, [{ state: 'lost', reason: /service/ }])
})

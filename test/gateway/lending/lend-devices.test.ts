import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import t, { type Test } from 'tap'
import type { DeviceStream } from '../../../firmware-bridge/device-stream.js'
import { flashCommand } from '../../../gateway/cli/flash.js'
import { loadConfig } from '../../../gateway/config/load-config.js'
import { startGateway } from '../../../gateway/gateway.js'
import { borrowDevice } from '../../../gateway/lending/borrow-device.js'
import { lendDevices } from '../../../gateway/lending/lend-devices.js'
import { lendingSocket } from '../../../gateway/lending/lending-messages.js'
import { NO_FLASH_BOARD, startFlashBoard } from '../../firmware-bridge/flash/flash-board.js'
import { makeFlash, makeImage } from '../../firmware-bridge/flash/image-maker.js'
import { runHere } from '../cli/run-here.js'

const log = { info() {}, warn() {}, error() {} }

/** A device of which nothing matters but whether the gateway has it. */
function createLendable(uri: string) {
  const held = { reason: '', released: 0, retaken: 0 }
  const stream: Partial<DeviceStream> = {
    uri,
    async release(reason) {
      held.reason = reason
      held.released++
    },
    retake: () => void held.retaken++,
  }
  return { held, stream: stream as DeviceStream }
}

/** A socket's path must be short. */
function shortFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'ecgclip-lend-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}

async function lend(t: Test, ...uris: string[]) {
  const folder = shortFolder(t)
  const devices = uris.map(createLendable)
  const lending = await lendDevices(
    folder,
    devices.map(({ stream }) => stream),
    log,
  )
  t.teardown(() => lending.stop())
  return { folder, lending, held: devices.map(({ held }) => held) }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(20)
}

t.test('a device is released before it is lent, and comes back with the loan', async t => {
  const { folder, held } = await lend(t, 'tcp:127.0.0.1:9', 'tcp:127.0.0.1:10')
  t.equal(statSync(lendingSocket(folder)).mode & 0o777, 0o600, 'for the gateway’s own user')
  const loan = await borrowDevice(folder, 'tcp:127.0.0.1:10?driver=smp')
  t.match(held, [{ released: 0 }, { released: 1, retaken: 0, reason: /not monitored meanwhile/ }])
  await t.rejects(borrowDevice(folder, 'tcp:127.0.0.1:10'), { code: 'DEVICE_LENT' })
  loan?.giveBack()
  await until(() => held[1]!.retaken > 0)
  t.match(held, [{ released: 0 }, { released: 1, retaken: 1 }])
  const again = await borrowDevice(folder, 'tcp:127.0.0.1:10')
  t.equal(held[1]!.released, 2)
  again?.giveBack()
})

t.test('a borrower that is killed gives back what it had', async t => {
  const { folder, held } = await lend(t, 'ble:AA:BB:CC:DD:EE:FF')
  const borrower = spawn(process.execPath, [
    '--input-type=module',
    '-e',
    `import { borrowDevice } from ${JSON.stringify(new URL('../../../gateway/lending/borrow-device.js', import.meta.url).href)}
     await borrowDevice(${JSON.stringify(folder)}, 'ble:aa:bb:cc:dd:ee:ff')`,
  ])
  t.teardown(() => borrower.kill('SIGKILL'))
  await until(() => held[0]!.released > 0)
  borrower.kill('SIGKILL')
  await until(() => held[0]!.retaken > 0)
  t.equal(held[0]!.released, 1)
})

t.test('one port has several names', async t => {
  const folder = shortFolder(t)
  writeFileSync(join(folder, 'ttyACM0'), '')
  symlinkSync(join(folder, 'ttyACM0'), join(folder, 'by-id'))
  const { stream, held } = createLendable(`serial:${join(folder, 'by-id')}?baud=921600`)
  const lending = await lendDevices(folder, [stream], log)
  t.teardown(() => lending.stop())
  const loan = await borrowDevice(folder, `serial:${join(folder, 'ttyACM0')}`)
  t.equal(held.released, 1)
  loan?.giveBack()
})

t.test('a USB device that is named by its serial number is that device, whatever is spoken to it', async t => {
  const folder = shortFolder(t)
  const { stream, held } = createLendable('serial:usb-0669FF53?baud=921600')
  const lending = await lendDevices(folder, [stream], log)
  t.teardown(() => lending.stop())
  t.equal(await borrowDevice(folder, 'serial:usb-0669FF54?driver=smp'), undefined, 'another is another')
  const loan = await borrowDevice(folder, 'serial:usb-0669FF53?driver=smp')
  t.equal(held.released, 1)
  loan?.giveBack()
})

t.test('a USB device that is named by its serial number is also the port at which it is', async t => {
  const folder = shortFolder(t)
  const path = join(folder, 'ttyACM0')
  writeFileSync(path, '')
  const usb = { vendorId: '0483', productId: '374b', serialNumber: '0669FF53', manufacturer: 'Maker', product: 'Board' }
  const port = { path, usb: { ...usb, interfaceNumber: 2, socket: '1-1' } }
  const { stream, held } = createLendable('serial:usb-0669FF53?baud=921600')
  const lending = await lendDevices(folder, [stream], log, async () => [port])
  t.teardown(() => lending.stop())
  for (const uri of [`serial:${path}`, 'serial:usb-0483:374B?driver=smp', 'serial:usb-0669FF53-if02']) {
    const loan = await borrowDevice(folder, uri)
    t.ok(loan, uri)
    loan?.giveBack()
    await until(() => held.retaken === held.released)
  }
  t.equal(await borrowDevice(folder, 'serial:usb-0669FF53-if00'), undefined, 'another port of it is another')
})

t.test('a device whose driver has options is lent for a console', async t => {
  const { folder, held } = await lend(t, 'serial:/dev/ttyNothingThere?driver=cyton&leads=I,II,V1,V2,V3,V4,V5,V6')
  const loan = await borrowDevice(folder, 'serial:/dev/ttyNothingThere?driver=smp')
  t.equal(held[0]!.released, 1)
  loan?.giveBack()
})

t.test('who has gone before it is known which ports there are takes nothing away', async t => {
  const folder = shortFolder(t)
  const { stream, held } = createLendable('tcp:127.0.0.1:9')
  const looks: ((ports: []) => void)[] = []
  const lending = await lendDevices(folder, [stream], log, () => new Promise(resolve => looks.push(resolve)))
  t.teardown(() => lending.stop())
  const socket = connect(lendingSocket(folder))
  socket.write(`${JSON.stringify({ lend: stream.uri })}\n`)
  await until(() => looks.length > 0)
  socket.destroy()
  await sleep(50)
  looks[0]!([])
  await sleep(50)
  t.equal(held.released, 0)
})

t.test('where no gateway runs, or it has no such device, nothing is to be borrowed', async t => {
  const { folder, lending, held } = await lend(t, 'tcp:127.0.0.1:9')
  t.equal(await borrowDevice(folder, 'tcp:127.0.0.1:11'), undefined)
  t.equal(await borrowDevice(join(folder, 'elsewhere'), 'tcp:127.0.0.1:9'), undefined)
  await lending.stop()
  t.equal(await borrowDevice(folder, 'tcp:127.0.0.1:9'), undefined)
  writeFileSync(lendingSocket(folder), '')
  t.equal(await borrowDevice(folder, 'tcp:127.0.0.1:9'), undefined, 'something else of that name')
  const next = await lendDevices(folder, [createLendable('tcp:127.0.0.1:9').stream], log)
  t.ok(await borrowDevice(folder, 'tcp:127.0.0.1:9'), 'a gateway takes over what a killed one left')
  await next.stop()
  t.equal(held[0]!.released, 0)
})

t.test('who asks for nonsense, or says too much, is sent away', async t => {
  const { folder, held } = await lend(t, 'tcp:127.0.0.1:9')
  for (const said of ['{}\n', 'lend\n', '{"lend":1}\n', 'x'.repeat(5_000)]) {
    const socket = connect(lendingSocket(folder))
    socket.on('error', () => {}).write(said)
    await once(socket.resume(), 'close')
  }
  t.equal(held[0]!.released, 0)
})

t.test('a folder whose path is too long for a socket keeps no gateway from running', async t => {
  const folder = join(t.testdir(), 'x'.repeat(120))
  mkdirSync(folder)
  const warnings: string[] = []
  const lending = await lendDevices(folder, [], { ...log, warn: (_, message) => void warnings.push(message) })
  t.match(warnings, [/cannot be lent: stop the gateway/])
  await lending.stop()
})

t.test('a device that streams to a gateway is upgraded, and streams again', { skip: NO_FLASH_BOARD }, async t => {
  const folder = t.testdir()
  const { uri } = await startFlashBoard(t, makeFlash(folder, { version: '1.0.0' }), '--id', 'chest')
  const data = shortFolder(t)
  const config = loadConfig(undefined, {
    id: 'gw',
    data,
    devices: [{ uri }],
    broker: { url: 'embedded', embeddedPort: 0 },
    monitor: { enabled: false },
  })
  const gateway = await startGateway({ config, version: '0', log })
  t.teardown(() => gateway.stop())
  const client = await connectAsync(gateway.messaging.url.href)
  t.teardown(() => client.endAsync())
  const told: { state: string; reason: string; firmware: string }[] = []
  client.on('message', (_, payload) => void told.push(JSON.parse(payload.toString())))
  await client.subscribeAsync('ecg/gw/device/chest/state')
  const streams = (firmware: string) => () =>
    told.some(last => last.state === 'streaming' && last.firmware === firmware)
  await until(streams('1.0.0'))

  const image = makeImage(folder, { version: '1.1.0' })
  const alone = await runHere(flashCommand(), 'list', '--device', uri, '--data', join(folder, 'elsewhere'))
  t.match(alone, { code: 2, err: /another program uses .* give -c or --data as to that gateway/ })
  const upgraded = await runHere(flashCommand(), 'upgrade', image.path, '--device', uri, '--data', data, '--json')
  t.match(upgraded.json(), { from: '1.0.0', to: '1.1.0', changed: true, streams: true })
  await until(streams('1.1.0'))
  t.ok(told.some(({ state, reason }) => state === 'lost' && /lent to another program/.test(reason)))
})

import { readdirSync } from 'node:fs'
import { SerialPort } from 'serialport'
import t, { type Test } from 'tap'
import { openPseudoTerminal, type PseudoTerminal } from '../../../firmware-bridge/emulator/pseudo-terminal.js'
import { until } from '../listen.js'

const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, i) => i))

async function openPort(path: string): Promise<{ port: SerialPort; received: () => Buffer }> {
  const chunks: Buffer[] = []
  const port = new SerialPort({ path, baudRate: 921_600, autoOpen: false })
  port.on('data', chunk => chunks.push(chunk))
  await new Promise<void>((resolve, reject) => port.open(error => (error ? reject(error) : resolve())))
  return { port, received: () => Buffer.concat(chunks) }
}

const closePort = (port: SerialPort) => new Promise(resolve => port.close(resolve))

function open(t: Test) {
  const chunks: Buffer[] = []
  const pty = openPseudoTerminal(bytes => chunks.push(Buffer.from(bytes)))
  t.teardown(() => pty.close())
  return { pty, received: () => Buffer.concat(chunks) }
}

/** Says hello until it is heard: the terminal notices its host only after some milliseconds. */
async function greet(pty: PseudoTerminal, received: () => Buffer) {
  await until(() => {
    pty.write(Buffer.of(0xaa))
    return received().length > 0
  })
}

t.test('every byte passes as it is, both ways', async t => {
  const { pty, received } = open(t)
  const host = await openPort(pty.path)
  host.port.write(EVERY_BYTE)
  await until(() => received().length >= 256)
  t.same(received(), EVERY_BYTE)
  await greet(pty, host.received)
  pty.write(EVERY_BYTE)
  await until(() => host.received().indexOf(EVERY_BYTE) >= 0)
  await closePort(host.port)
})

t.test('the host may go and come back; what was sent meanwhile is gone', async t => {
  const { pty, received } = open(t)
  for (let round = 0; round < 3; round++) {
    const host = await openPort(pty.path)
    await greet(pty, host.received)
    const before = received().length
    host.port.write(EVERY_BYTE)
    await until(() => received().length >= before + 256)
    await closePort(host.port)
    await until(() => {
      pty.write(Buffer.from('nobody'))
      return pty.ready()
    })
  }
  const last = await openPort(pty.path)
  await greet(pty, last.received)
  t.notOk(last.received().includes('nobody'))
  await closePort(last.port)
})

t.test('more than the kernel takes at once waits for the host, up to a bound', async t => {
  const { pty } = open(t)
  const host = await openPort(pty.path)
  await greet(pty, host.received)
  host.port.pause()
  const before = host.received().length
  const piece = Buffer.alloc(10_000, 0x55)
  for (let i = 0; i < 5; i++) pty.write(piece)
  t.notOk(pty.ready(), 'it asks its device to wait')
  for (let i = 0; i < 100; i++) pty.write(piece)
  host.port.resume()
  await until(() => pty.ready() && host.received().length >= before + 50_000)
  t.ok(host.received().length < before + 200_000, 'the rest was dropped, not kept')
  await closePort(host.port)
})

t.test('nothing is left open', async t => {
  const descriptors = () => readdirSync('/proc/self/fd').length
  const before = descriptors()
  for (let i = 0; i < 20; i++) {
    const pty = openPseudoTerminal(() => {})
    const host = await openPort(pty.path)
    await greet(pty, host.received)
    await closePort(host.port)
    await pty.close()
  }
  await until(() => descriptors() <= before)
  t.pass()
})

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openPseudoTerminal } from '../../../firmware-bridge/emulator/pseudo-terminal.js'
import { createSerialTransport } from '../../../firmware-bridge/transport/serial.js'
import type { TransportListener } from '../../../firmware-bridge/transport/transport.js'
import { TransportError } from '../../../firmware-bridge/transport/transport-error.js'
import { until } from '../listen.js'

const BAUD = 921_600
const DEAF: TransportListener = { bytes: () => {}, closed: () => {} }

t.test('a port that is not there', async t => {
  const path = '/dev/ttyNothingThere'
  await t.rejects(createSerialTransport(path, BAUD).open(DEAF), { code: 'port-missing', exitCode: 2, message: /plug/ })
})

t.test('a port that another one uses', async t => {
  const pty = openPseudoTerminal(() => {})
  const first = createSerialTransport(pty.path, BAUD)
  await first.open(DEAF)
  await t.rejects(createSerialTransport(pty.path, BAUD).open(DEAF), { code: 'port-busy', message: /another program/ })
  await first.close()
  const second = createSerialTransport(pty.path, BAUD)
  await second.open(DEAF)
  await second.close()
  await pty.close()
})

t.test('a file or a directory is no port', async t => {
  const directory = t.testdir()
  const path = join(directory, 'file')
  writeFileSync(path, '')
  await t.rejects(createSerialTransport(path, BAUD).open(DEAF), { code: 'port-not-serial' })
  await t.rejects(createSerialTransport(directory, BAUD).open(DEAF), TransportError)
})

t.test('the cable is pulled: it is told once, and the same object opens again', async t => {
  const pty = openPseudoTerminal(() => {})
  const reasons: string[] = []
  const transport = createSerialTransport(pty.path, BAUD)
  await transport.open({ bytes: () => {}, closed: reason => reasons.push(reason) })
  await pty.close()
  await until(() => reasons.length > 0)
  t.match(reasons, [/unplugged/])
  transport.write(Buffer.of(1)) // goes nowhere
  await t.rejects(transport.open(DEAF), { code: 'port-missing' })
  t.equal(reasons.length, 1)
})

t.test('closing tells nobody, ends at once though nobody reads, and may be repeated', async t => {
  const pty = openPseudoTerminal(() => {})
  const transport = createSerialTransport(pty.path, BAUD)
  await transport.open({ bytes: () => {}, closed: () => t.fail('it was closed on purpose') })
  for (let i = 0; i < 100; i++) transport.write(Buffer.alloc(10_000))
  await transport.close()
  await transport.close()
  await pty.close()
  t.pass()
})

t.test('closed while it opens, it is free for others as soon as it is told to be', async t => {
  const pty = openPseudoTerminal(() => {})
  for (let i = 0; i < 20; i++) {
    const transport = createSerialTransport(pty.path, BAUD)
    const opening = transport.open(DEAF)
    await transport.close()
    const next = createSerialTransport(pty.path, BAUD)
    await next.open(DEAF)
    await next.close()
    await opening
  }
  await pty.close()
  t.pass()
})

t.test('closed while it opens, it stays closed', async t => {
  const pty = openPseudoTerminal(() => t.fail('no byte may pass'))
  const transport = createSerialTransport(pty.path, BAUD)
  const opening = transport.open({ bytes: () => t.fail('no byte may pass'), closed: () => {} })
  await transport.close()
  await opening
  transport.write(Buffer.of(1))
  const next = createSerialTransport(pty.path, BAUD)
  await next.open(DEAF)
  await next.close()
  await pty.close()
})

import { rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openPseudoTerminal } from '../../../firmware-bridge/emulator/pseudo-terminal.js'
import { openSerialCarrier } from '../../../firmware-bridge/emulator/serial-carrier.js'
import { until } from '../listen.js'

const BAUD = 921_600

t.test('a cable that is pulled while something is played to it is taken again when it is back', async t => {
  const port = join(t.testdir(), 'port')
  const heard: string[] = []
  const plug = () => {
    const pty = openPseudoTerminal(bytes => heard.push(Buffer.from(bytes).toString()))
    symlinkSync(pty.path, port)
    return pty
  }
  let pty = plug()
  const carrier = await openSerialCarrier(port, BAUD, () => {})
  carrier.write(Buffer.from('before'))
  await until(() => heard.join('') === 'before')
  for (const word of ['once', 'twice']) {
    rmSync(port)
    await pty.close()
    await until(() => !carrier.present())
    carrier.write(Buffer.from('to nobody'))
    pty = plug()
    await until(() => carrier.present())
    heard.length = 0
    carrier.write(Buffer.from(word))
    await until(() => heard.join('') === word)
  }
  rmSync(port)
  await pty.close()
  await until(() => !carrier.present())
  await carrier.close()
})

t.test('a port that is not there is refused at once', async t => {
  await t.rejects(
    openSerialCarrier('/dev/ttyNothingThere', BAUD, () => {}),
    { code: 'port-missing' },
  )
})

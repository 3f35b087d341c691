import t from 'tap'
import { listenTcp } from '../../../firmware-bridge/emulator/tcp-listener.js'
import { createTcpTransport } from '../../../firmware-bridge/transport/tcp.js'
import type { TransportListener } from '../../../firmware-bridge/transport/transport.js'
import { until } from '../listen.js'

const DEAF: TransportListener = { bytes: () => {}, closed: () => {} }
const portOf = (uri: string) => Number(uri.split(':').at(-1))

t.test('bytes pass both ways, and a device that goes away is told', async t => {
  const heard: Buffer[] = []
  const carrier = await listenTcp('127.0.0.1', 0, bytes => heard.push(Buffer.from(bytes)))
  const received: Buffer[] = []
  const reasons: string[] = []
  const transport = createTcpTransport('127.0.0.1', portOf(carrier.uri))
  await transport.open({
    bytes: bytes => received.push(Buffer.from(bytes)),
    closed: reason => reasons.push(reason),
  })
  transport.write(Buffer.from('to the device'))
  await until(() => Buffer.concat(heard).equals(Buffer.from('to the device')))
  carrier.write(Buffer.from('to the host'))
  await until(() => Buffer.concat(received).equals(Buffer.from('to the host')))
  await carrier.close()
  await until(() => reasons.length > 0)
  t.equal(reasons.length, 1)
})

t.test('nobody there, and a name that nobody has', async t => {
  const carrier = await listenTcp('127.0.0.1', 0, () => {})
  await carrier.close()
  const refused = createTcpTransport('127.0.0.1', portOf(carrier.uri))
  await t.rejects(refused.open(DEAF), { code: 'host-refused', exitCode: 2, message: /nothing listens/ })
  await t.rejects(createTcpTransport('no.such.host.invalid', 1).open(DEAF), { code: 'host-unknown' })
})

t.test('closing while it connects ends the attempt, and closing tells nobody', async t => {
  const carrier = await listenTcp('127.0.0.1', 0, () => {})
  const transport = createTcpTransport('127.0.0.1', portOf(carrier.uri))
  const opening = transport.open({ bytes: () => {}, closed: () => t.fail('it was closed on purpose') })
  await transport.close()
  await opening.catch(() => {})
  await transport.close()
  await carrier.close()
  t.pass()
})

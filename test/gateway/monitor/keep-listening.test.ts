import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import t from 'tap'
import { Millis } from '../../../ecg/units.js'
import { createAccess } from '../../../gateway/monitor/access.js'
import { keepListening } from '../../../gateway/monitor/keep-listening.js'
import { recordedLog } from '../mqtt/messaging-rig.js'

t.test('a page that cannot be served says what to change', async t => {
  const taken = createServer().listen(0, '127.0.0.1')
  t.teardown(() => taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const access = createAccess({ token: null, secure: false, monotonic: () => Millis(0) })
  const said = async (host: string, port: number) => {
    const log = recordedLog()
    const listener = { host, port, loopback: true, token: null, tls: null }
    const listening = await keepListening({ listener, access, routes: [], log })
    t.equal(listening.url, null)
    await listening.stop()
    return log.lines.join()
  }
  t.match(await said('127.0.0.1', port), /set monitor\.port to a free one/)
  t.match(await said('192.0.2.1', 0), /EADDRNOTAVAIL.*set monitor\.host to an address of this machine/)
})

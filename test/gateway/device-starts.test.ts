import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../gateway/config/load-config.js'
import { startGateway } from '../../gateway/gateway.js'

const DEVICES = 4
/** ms. Of the 50 between two starts; a connection may be told late, and the next one on time. */
const AT_LEAST = 25

t.test('the devices of a ward are opened one after another, so that their windows do not all end together', async t => {
  const opened: number[] = [] // by device, when it was first connected to
  const servers = await Promise.all(
    Array.from({ length: DEVICES }, async (_, place) => {
      const server = createServer(socket => {
        opened[place] ??= performance.now()
        socket.on('error', () => {}) // the gateway hangs up when it stops
      })
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const data = mkdtempSync(join(tmpdir(), 'ecgclip-starts-'))
  const gateway = await startGateway({
    config: loadConfig(undefined, {
      devices: servers.map(server => ({ uri: `tcp:127.0.0.1:${(server.address() as { port: number }).port}` })),
      broker: { url: 'embedded', embeddedPort: 0 },
      monitor: { port: 0 },
      data,
    }),
    version: '0.0.0',
    log: { info() {}, warn() {}, error() {} },
  })
  t.teardown(async () => {
    await gateway.stop()
    for (const server of servers) server.close()
    rmSync(data, { recursive: true })
  })
  for (let tries = 0; opened.filter(Boolean).length < DEVICES && tries < 100; tries++)
    await new Promise(r => setTimeout(r, 50))
  t.equal(opened.filter(Boolean).length, DEVICES)
  for (const [i, at] of opened.slice(1).entries()) t.ok(at - opened[i]! >= AT_LEAST, `${at - opened[i]!} ms`)
})

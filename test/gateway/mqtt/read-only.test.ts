import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readdirSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { aedes } from './brokers.js'
import { subscribe } from './subscriber.js'
import { tempFolder } from './temp-folder.js'

const CHILD = fileURLToPath(new URL('alerting-child.js', import.meta.url))

/** Root writes wherever it likes; then the gateway runs as nobody. */
const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}

t.test('a data folder that cannot be written to ends the start with its name and what to do', async t => {
  const broker = await aedes.start(t)
  const subscriber = await subscribe(t, broker.url)
  const folder = tempFolder(t)
  chmodSync(folder, 0o555)
  t.teardown(() => chmodSync(folder, 0o755))
  const child = spawn(process.execPath, [CHILD, broker.url.href, folder, 'alert'], { ...nobody })
  const said = text(child.stderr)
  t.equal((await once(child, 'exit'))[0], 1, 'a gateway that could not number its alerts does not pretend to run')
  const complaint = await said
  t.match(complaint, /DATA_FOLDER/)
  t.ok(complaint.includes(`The data folder ${folder} cannot be written (`), complaint)
  t.strictSame(readdirSync(folder), [])
  t.strictSame(subscriber.received, [], 'nothing was published without a number on disk')
})

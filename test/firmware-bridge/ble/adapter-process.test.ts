import { spawnSync } from 'node:child_process'
import t from 'tap'

const ADAPTER = new URL('../../../firmware-bridge/ble/adapter.js', import.meta.url).href

/** Of a bus that is never asked, because its program cannot begin. */
const BUS = 'tcp:host=127.0.0.1,port=1'

const SCRIPT = `
import { closeSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
const { adapterNamed } = await import(${JSON.stringify(ADAPTER)})
const taken = []
try {
  for (;;) taken.push(openSync('/dev/null'))
} catch {}
const request = { device: 'C0:FF:EE:00:00:01', service: '180d', notify: [] }
const listener = { received() {}, closed() {} }
const failure = await adapterNamed({ by: 'bluez' }).open(request, listener, new AbortController().signal).catch(error => error)
await sleep(200)
for (const file of taken) closeSync(file)
console.log(failure.code, failure.message)
`

t.test('a process without a free file descriptor says so, and goes on', async t => {
  const { stdout, stderr, status } = spawnSync(
    'sh',
    ['-c', 'ulimit -n 64 && exec "$0" --input-type=module -e "$1"', process.execPath, SCRIPT],
    { encoding: 'utf8', env: { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: BUS } },
  )
  t.equal(stderr, '')
  t.equal(status, 0)
  t.match(stdout, /^carrier-failed the Bluetooth program does not run \(.*EMFILE\)\n$/)
})

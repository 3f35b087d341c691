import { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import type { Noble } from '@stoprocent/noble'
import t from 'tap'
import type { AdapterName } from '../../../firmware-bridge/ble/adapter-name.js'
import { adapterReady } from '../../../firmware-bridge/ble/adapter-ready.js'

// Noble itself on bindings of our own: no kernel without Bluetooth has an adapter that could be switched off.
const NobleOn = createRequire(import.meta.url)('@stoprocent/noble/lib/noble.js') as new (bindings: object) => Noble

const HCI0: AdapterName = { by: 'kernel', device: 0 }
const SERIAL: AdapterName = { by: 'uart', path: '/dev/ttyACM0', baud: 1_000_000 }
const PATIENCE = 20

function adapter() {
  const bindings = Object.assign(new EventEmitter(), { start: () => {}, stop: () => {} })
  return { noble: new NobleOn(bindings), become: (state: string) => bindings.emit('stateChange', state) }
}

t.test('whatever keeps an adapter from working is told, with the way to mend it', async t => {
  const cases: [AdapterName, string, { code: string; message: RegExp }][] = [
    [HCI0, 'poweredOff', { code: 'ble-adapter-off', message: /adapter hci0 is switched off: .*bluetoothctl power on/ }],
    [{ by: 'bluez' }, 'poweredOff', { code: 'ble-adapter-off', message: /switched off/ }],
    [HCI0, 'unauthorized', { code: 'ble-permission', message: /docs\/ble\.md, Permissions/ }],
    [HCI0, 'unsupported', { code: 'ble-adapter-missing', message: /plug one in/ }],
    [HCI0, 'resetting', { code: 'ble-adapter-silent', message: /unplug it and plug it in again/ }],
    [SERIAL, 'poweredOff', { code: 'ble-adapter-silent', message: /on \/dev\/ttyACM0 does not answer/ }],
  ]
  for (const [name, state, objection] of cases) {
    const { noble, become } = adapter()
    const ready = adapterReady(noble, name, PATIENCE)
    become(state)
    await t.rejects(ready, objection, state)
  }
})

t.test('an adapter that is switched on is ready at once, and at the next attempt where it was too late', async t => {
  const { noble, become } = adapter()
  become('poweredOff')
  const early = adapterReady(noble, HCI0, 60_000)
  become('poweredOn')
  await early
  become('poweredOff')
  await t.rejects(adapterReady(noble, HCI0, PATIENCE), { code: 'ble-adapter-off' })
  become('poweredOn')
  await adapterReady(noble, HCI0, PATIENCE)
})

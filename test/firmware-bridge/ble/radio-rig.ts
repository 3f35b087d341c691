import t, { type Test } from 'tap'
import type { DeviceStream } from '../../../firmware-bridge/device-stream.js'
import { openDevice } from '../../../firmware-bridge/devices/open-device.js'
import { type Listened, listen } from '../listen.js'
import { NO_RADIO, openVirtualRadio, type RadioAccount, type RadioDevice, type VirtualRadio } from './virtual-radio.js'

export const ADDRESS = 'C0:FF:EE:00:00:01'
export const ADDRESS_2 = 'C0:FF:EE:00:00:02'

/** Skipped, with the reason said, where there is no virtual radio. */
export function radioTest(
  name: string,
  devices: readonly RadioDevice[],
  run: (t: Test, radio: VirtualRadio) => Promise<void>,
) {
  t.test(name, { skip: NO_RADIO, buffered: true }, async t => {
    const radio = await openVirtualRadio(t.testdir(), devices)
    t.teardown(() => radio.close())
    await run(t, radio)
  })
}

export interface Opened {
  readonly device: DeviceStream
  readonly listened: Listened
}

/** `device`: address, name or `*`. */
export function start(t: Test, radio: VirtualRadio, device = ADDRESS): Opened {
  const stream = openDevice(`ble:${device}?adapter=${radio.adapter}`)
  t.teardown(() => stream.stop())
  const listened = listen()
  stream.start(listened.listener)
  return { device: stream, listened }
}

/** Holds what was told against what reached the adapter: nothing missing, nothing twice, nothing wrong. */
export function exact(t: Test, { device, listened }: Opened, account: RadioAccount) {
  const told = [...listened.delivered.keys()]
  const last = Math.max(...told)
  const arrived = account.delivered
    .flatMap(([first, count]) => Array.from({ length: count }, (_, i) => first + i))
    .filter(index => index <= last)
  t.equal(told.length, arrived.length)
  t.ok(
    told.every((index, i) => index === arrived[i]),
    'every sample that arrived, in order',
  )
  t.equal(device.counters.missingSamples, last + 1 - told[0]! - told.length, 'the account of missing samples')
  t.ok([...listened.delivered.values()].every(times => times === 1))
  t.same(listened.wrong, [])
  t.match(device.counters, { duplicateSamples: 0, badFrames: 0 })
}

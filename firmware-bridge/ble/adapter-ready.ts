import type { Noble } from '@stoprocent/noble'
import { TransportError } from '../transport/transport-error.js'
import { type AdapterName, describeAdapter } from './adapter-name.js'

/** An adapter that is not ready after this is off, gone or hung, ms. */
const READY_WITHIN = 4_000

/** Rejects with a `TransportError` that says what is wrong with the adapter. */
export async function adapterReady(
  noble: Pick<Noble, 'state' | 'waitForPoweredOnAsync'>,
  name: AdapterName,
  within = READY_WITHIN,
): Promise<void> {
  await noble.waitForPoweredOnAsync(within).catch(() => {
    throw objectionToState(noble.state, name)
  })
}

function objectionToState(state: string, name: AdapterName): TransportError {
  const adapter = describeAdapter(name)
  // A serial port has no switch: there noble says so of a controller that does not answer.
  if (state === 'poweredOff' && name.by !== 'uart') {
    const advice = 'switch it on (rfkill unblock bluetooth; bluetoothctl power on)'
    return new TransportError('ble-adapter-off', `${adapter} is switched off: ${advice}`)
  }
  if (state === 'unauthorized')
    return new TransportError('ble-permission', `this user may not use ${adapter}: see docs/ble.md, Permissions`)
  if (state === 'unsupported')
    return new TransportError(
      'ble-adapter-missing',
      `${adapter} is not there or cannot do Bluetooth Low Energy: plug one in that can`,
    )
  return new TransportError('ble-adapter-silent', `${adapter} does not answer: unplug it and plug it in again`)
}

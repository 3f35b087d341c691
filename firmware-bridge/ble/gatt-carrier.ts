import { setTimeout as sleep } from 'node:timers/promises'
import type { RadioFigures } from '../device-stream.js'
import type { GattCarrier, GattListener, GattProfile } from '../transport/gatt.js'
import { TransportError } from '../transport/transport-error.js'
import { adapterNamed, type Link } from './adapter.js'
import type { AdapterName } from './adapter-name.js'
import { defaultAdapter } from './default-adapter.js'

/** A device that is there but does not fit is asked again after this and twice as long each time, ms: it costs battery. */
const FIRST_WAIT = 2_000
const LAST_WAIT = 30_000
const MISFITS: readonly string[] = ['ble-mtu', 'ble-service-missing']

export interface BlePlace {
  /** Where it is not said, the environment or the system chooses. */
  readonly adapter: AdapterName | undefined
  /** Or the name that it advertises, or `ANY_DEVICE` for the first one heard that advertises the profile's service. */
  readonly address: string
}

export interface BleProfile extends GattProfile {
  /** ATT MTU below which the protocol cannot work, bytes. */
  readonly leastMtu?: number
  /** Writes go without response, even where the characteristic would allow one. */
  readonly unacknowledged?: boolean
}

export interface BleCarrier extends GattCarrier {
  address(): string | undefined
  radio(): RadioFigures | undefined
}

/** A BLE device as a carrier of values. */
export function createGattCarrier(place: BlePlace, profile: BleProfile): BleCarrier {
  let link: Link | undefined
  let address: string | undefined
  let opening = new AbortController()
  let wait = 0

  async function open(listener: GattListener) {
    opening = new AbortController()
    const { signal } = opening
    try {
      await sleep(wait, undefined, { signal })
      link = await connect(listener, signal)
      address = link.address
      wait = 0
    } catch (error) {
      if (signal.aborted) throw new TransportError('carrier-failed', `${place.address} was closed while it was opened`)
      const misfit = error instanceof TransportError && MISFITS.includes(error.code)
      wait = misfit ? Math.min(Math.max(2 * wait, FIRST_WAIT), LAST_WAIT) : 0
      throw error
    }
  }

  async function connect(listener: GattListener, signal: AbortSignal): Promise<Link> {
    const { leastMtu = 0, service, notify } = profile
    const adapter = adapterNamed(place.adapter ?? defaultAdapter())
    const opened = await adapter.open(
      { device: place.address, service, notify },
      {
        received: (characteristic, value, arrived) => listener.bytes(value, arrived, characteristic),
        closed(reason) {
          link = undefined
          listener.closed(reason)
        },
      },
      signal,
    )
    const tooSmall = opened.mtu !== undefined && opened.mtu < leastMtu
    if (!tooSmall && !signal.aborted) return opened
    await opened.close()
    signal.throwIfAborted()
    const offer = `${place.address} offers an ATT MTU of ${opened.mtu}`
    throw new TransportError('ble-mtu', `${offer}, but ${leastMtu} are needed: raise it in the device's firmware`)
  }

  function write(bytes: Uint8Array, characteristic?: string) {
    if (characteristic) link?.write(characteristic, bytes, !profile.unacknowledged)
  }

  async function close() {
    opening.abort()
    const closing = link
    link = undefined
    await closing?.close()
  }

  return {
    open,
    write,
    close,
    address: () => address,
    radio: () => link && { rssi: link.rssi(), mtu: link.mtu },
  }
}

import type { Microseconds } from '../../ecg/units.js'
import type { TransportErrorCode } from '../transport/transport-error.js'

// What passes between the gateway and the program that owns an adapter (adapter-program.ts). `link` is the gateway's number
// for one connection, from the request to open it until `closed` or `refused`.

export interface OpenLink {
  readonly do: 'open'
  readonly link: number
  /** Address, advertised name, or `ANY_DEVICE` for the first one that advertises the service. */
  readonly device: string
  readonly service: string
  /** Characteristics to subscribe to before the link is told to be open. */
  readonly notify: readonly string[]
}

export interface ScanRequest {
  readonly do: 'scan'
  readonly link: number
  readonly ms: number
}

export interface HeardDevice {
  readonly address: string
  readonly name: string | undefined
  /** As noble writes UUIDs: without hyphens, 16-bit ones short. */
  readonly services: readonly string[]
  /** dBm. */
  readonly rssi: number
}

export type ToAdapter =
  | OpenLink
  | {
      readonly do: 'write'
      readonly link: number
      readonly characteristic: string
      readonly value: Uint8Array
      /** Let the peer acknowledge where the characteristic allows it. */
      readonly acknowledged: boolean
    }
  | { readonly do: 'close'; readonly link: number }
  | ScanRequest

export type FromAdapter =
  /** `mtu`: undefined where the system does not tell. */
  | { readonly did: 'open'; readonly link: number; readonly address: string; readonly mtu: number | undefined }
  | { readonly did: 'refuse'; readonly link: number; readonly code: TransportErrorCode; readonly message: string }
  | {
      readonly did: 'receive'
      readonly link: number
      readonly characteristic: string
      readonly value: Uint8Array
      readonly arrived: Microseconds
    }
  | { readonly did: 'measure'; readonly link: number; readonly rssi: number }
  | { readonly did: 'close'; readonly link: number; readonly reason: string }
  | { readonly did: 'scan'; readonly link: number; readonly devices: readonly HeardDevice[] }
  /** The program lives. */
  | { readonly did: 'live' }
  /** The program is about to end; why. */
  | { readonly did: 'end'; readonly reason: string }

export const ANY_DEVICE = '*'

/** How often the program says that it lives, ms. */
export const LIVE_EVERY = 1_000

import { EcgclipError } from '../../ecg/ecgclip-error.js'

export type TransportErrorCode =
  | 'device-uri'
  | 'port-missing'
  | 'port-busy'
  | 'port-permission'
  | 'port-not-serial'
  | 'port-ambiguous'
  | 'host-refused'
  | 'host-unknown'
  | 'host-unreachable'
  | 'ble-adapter-missing'
  | 'ble-adapter-off'
  | 'ble-adapter-silent'
  | 'ble-permission'
  | 'ble-device-missing'
  | 'ble-device-busy'
  | 'ble-service-missing'
  | 'ble-mtu'
  | 'carrier-failed'

/** A carrier that cannot be opened. The sentence says how to mend it. */
export class TransportError extends EcgclipError {
  constructor(code: TransportErrorCode, message: string, cause?: unknown) {
    super(code, message, { exitCode: 2, cause })
  }
}

import { createNamedSerialTransport } from '../discovery/named-serial.js'
import { isPortName } from '../discovery/port-by-name.js'
import type { DeviceUri } from './device-uri.js'
import { createSerialTransport } from './serial.js'
import { createTcpTransport } from './tcp.js'
import type { Transport } from './transport.js'
import { TransportError } from './transport-error.js'

/** The carrier that a URI names, still closed. */
export function transportFor(uri: Exclude<DeviceUri, { carrier: 'replay' }>): Transport {
  switch (uri.carrier) {
    case 'serial':
      return isPortName(uri.path)
        ? createNamedSerialTransport(uri.path, uri.baud)
        : createSerialTransport(uri.path, uri.baud)
    case 'tcp':
      return createTcpTransport(uri.host, uri.port)
    case 'ble':
      throw new TransportError(
        'carrier-unsupported',
        `${uri.text}: BLE is not supported yet; connect the device by USB`,
      )
  }
}

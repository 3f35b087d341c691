import { createNamedSerialTransport } from '../discovery/named-serial.js'
import { isPortName } from '../discovery/port-by-name.js'
import type { DeviceUri } from './device-uri.js'
import { createSerialTransport } from './serial.js'
import { createTcpTransport } from './tcp.js'
import type { Transport } from './transport.js'

/** The carrier of bytes that a URI names, still closed. */
export function transportFor(uri: Extract<DeviceUri, { carrier: 'serial' | 'tcp' }>): Transport {
  switch (uri.carrier) {
    case 'serial':
      return isPortName(uri.path)
        ? createNamedSerialTransport(uri.path, uri.baud)
        : createSerialTransport(uri.path, uri.baud)
    case 'tcp':
      return createTcpTransport(uri.host, uri.port)
  }
}

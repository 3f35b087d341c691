import { TransportError } from '../transport/transport-error.js'
import { ADAPTER_FORMS, type AdapterName, parseAdapterName } from './adapter-name.js'

/** For devices whose URI names no adapter. */
const VARIABLE = 'ECGCLIP_BLE_ADAPTER'

export function defaultAdapter(): AdapterName {
  const text = process.env[VARIABLE] ?? ''
  const adapter = parseAdapterName(text)
  if (adapter) return adapter
  throw new TransportError(
    'device-uri',
    `${VARIABLE}="${text}" does not name a Bluetooth adapter: write ${ADAPTER_FORMS}`,
  )
}

import { ADAPTER_FORMS, type AdapterName, parseAdapterName } from '../ble/adapter-name.js'
import { TransportError } from './transport-error.js'

/** Where a device is, as the operator wrote it (`--device`, spec/cli.md). */
export type DeviceUri = {
  readonly text: string
  /** Protocol spoken there; ECG Link unless `?driver=` says otherwise. */
  readonly driver: string
} & (
  | { readonly carrier: 'serial'; readonly path: string; readonly baud: number }
  | { readonly carrier: 'tcp'; readonly host: string; readonly port: number }
  /** `address`: or the name that the device advertises, or `*` for the first one heard that fits the driver. */
  | { readonly carrier: 'ble'; readonly address: string; readonly adapter: AdapterName | undefined }
  | { readonly carrier: 'replay'; readonly record: string }
)

export const DEFAULT_BAUD = 921_600
export const DEFAULT_DRIVER = 'ecg-link'
const MAX_BAUD = 20_000_000

/** What a scheme takes beside `driver`. */
const OPTIONS: Record<string, readonly string[]> = { serial: ['baud'], ble: ['adapter'] }

const FORMS = 'serial:/dev/ttyACM0?baud=921600, tcp:HOST:PORT, ble:ADDRESS or replay:RECORD'

export function parseDeviceUri(text: string): DeviceUri {
  const [, scheme, rest] = /^([a-z]+):(.+)$/s.exec(text) ?? []
  if (!scheme || !rest) throw refuse(text, `write ${FORMS}`)
  const cut = rest.lastIndexOf('?')
  const place = cut < 0 ? rest : rest.slice(0, cut)
  const options = new URLSearchParams(cut < 0 ? '' : rest.slice(cut + 1))
  const allowed = ['driver', ...(OPTIONS[scheme] ?? [])]
  for (const key of options.keys()) {
    if (!allowed.includes(key)) throw refuse(text, `"${key}" is not an option here; there is ${allowed.join(' and ')}`)
  }
  const driver = options.get('driver') ?? DEFAULT_DRIVER
  if (!place || !driver) throw refuse(text, `write ${FORMS}`)
  switch (scheme) {
    case 'serial':
      return { text, driver, carrier: 'serial', path: place, baud: parseBaud(text, options.get('baud')) }
    case 'tcp':
      return { text, driver, carrier: 'tcp', ...parseHostPort(text, place) }
    case 'ble':
      return { text, driver, carrier: 'ble', address: place, adapter: parseAdapter(text, options.get('adapter')) }
    case 'replay':
      return { text, driver, carrier: 'replay', record: place }
    default:
      throw refuse(text, `"${scheme}:" is not a carrier; write ${FORMS}`)
  }
}

function parseBaud(text: string, value: string | null): number {
  if (value === null) return DEFAULT_BAUD
  const baud = Number(value)
  if (/^\d+$/.test(value) && baud > 0 && baud <= MAX_BAUD) return baud
  throw refuse(text, `baud must be a whole number up to ${MAX_BAUD}`)
}

function parseAdapter(text: string, value: string | null): AdapterName | undefined {
  if (value === null) return undefined
  const adapter = parseAdapterName(value)
  if (value && adapter) return adapter
  throw refuse(text, `adapter must be ${ADAPTER_FORMS}`)
}

function parseHostPort(text: string, place: string): { host: string; port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(place) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (!host || !(port > 0 && port <= 65_535)) throw refuse(text, 'write tcp:HOST:PORT, with [ ] around an IPv6 address')
  return { host, port }
}

function refuse(text: string, advice: string): TransportError {
  return new TransportError('device-uri', `"${text}" does not name a device: ${advice}`)
}

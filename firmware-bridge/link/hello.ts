import { encode } from 'cborg'
import { decodeCborMap } from './cbor-map.js'

/** HELLO as it is on the wire (spec/ecg-link.md, HELLO). */
export interface Hello {
  readonly id: string
  readonly model: string
  readonly firmware: string
  readonly boot: number
  /** Samples per 1000 s. */
  readonly rateMilliHz: number
  readonly lsbPicovolts: number
  readonly leads: readonly string[]
  readonly retain: number
  readonly capabilities: readonly string[]
}

const U32_MAX = 0xffff_ffff

/** Undefined where a key is missing or not of its type. Keys that are not known are ignored. */
export function decodeHello(payload: Uint8Array): Hello | undefined {
  const map = decodeCborMap(payload)
  if (!map) return undefined
  const hello = {
    id: map.get('id'),
    model: map.get('model'),
    firmware: map.get('fw'),
    boot: map.get('boot'),
    rateMilliHz: map.get('rate_mhz'),
    lsbPicovolts: map.get('lsb_pv'),
    leads: map.get('leads'),
    retain: map.get('retain'),
    capabilities: map.get('caps'),
  }
  return isHello(hello) ? hello : undefined
}

function isHello(fields: Record<keyof Hello, unknown>): fields is Hello {
  return (
    [fields.id, fields.model, fields.firmware].every(isText) &&
    [fields.boot, fields.rateMilliHz, fields.lsbPicovolts, fields.retain].every(isU32) &&
    [fields.leads, fields.capabilities].every(list => Array.isArray(list) && list.every(isText))
  )
}

const isText = (value: unknown) => typeof value === 'string'

const isU32 = (value: unknown) => typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= U32_MAX

/** Canonical CBOR (RFC 7049, 3.9), so that equal values give equal bytes. */
export function encodeHello(hello: Hello): Uint8Array {
  return encode({
    id: hello.id,
    model: hello.model,
    fw: hello.firmware,
    boot: hello.boot,
    rate_mhz: hello.rateMilliHz,
    lsb_pv: hello.lsbPicovolts,
    leads: hello.leads,
    retain: hello.retain,
    caps: hello.capabilities,
  })
}

import { encode } from 'cborg'
import { Hertz, Millivolts } from '../../ecg/units.js'
import type { DeviceIdentity } from '../device-stream.js'
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

const MILLIHERTZ_PER_HERTZ = 1000
const PICOVOLTS_PER_MILLIVOLT = 1e9

/** The same in the units and words of the gateway. */
export function identityOf(hello: Hello): DeviceIdentity {
  return {
    id: hello.id,
    model: hello.model,
    firmware: hello.firmware,
    boot: hello.boot,
    rate: Hertz(hello.rateMilliHz / MILLIHERTZ_PER_HERTZ),
    lsb: Millivolts(hello.lsbPicovolts / PICOVOLTS_PER_MILLIVOLT),
    channels: hello.leads,
    retain: hello.retain,
    capabilities: hello.capabilities,
  }
}

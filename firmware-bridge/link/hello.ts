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
/** Names go into topics, logs and pages; nobody's is longer. */
const MAX_NAME = 64
/** As many channels as fit a SAMPLES packet with one sample of 3 bytes each are nonsense; no front end has more than these. */
const MAX_LEADS = 64
const MAX_CAPABILITIES = 64
/** 1 Hz … 100 kHz: what no ECG amplifier is outside of. */
const MIN_RATE_MHZ = 1_000
const MAX_RATE_MHZ = 100_000_000

const CONTROL_CHARACTER = /\p{Cc}/u

class Refused extends Error {}

/** A HELLO that can be worked with, or the sentence that says why this one cannot. Unknown keys are ignored. */
export function decodeHello(payload: Uint8Array): Hello | string {
  const map = decodeCborMap(payload)
  if (!map) return 'the device sent a HELLO that is not a CBOR map'
  try {
    return {
      id: text(map, 'id', 1),
      model: text(map, 'model', 0),
      firmware: text(map, 'fw', 0),
      boot: integer(map, 'boot', 0, U32_MAX),
      rateMilliHz: integer(map, 'rate_mhz', MIN_RATE_MHZ, MAX_RATE_MHZ),
      lsbPicovolts: integer(map, 'lsb_pv', 1, U32_MAX),
      leads: texts(map, 'leads', 1, MAX_LEADS),
      retain: integer(map, 'retain', 0, U32_MAX),
      capabilities: texts(map, 'caps', 0, MAX_CAPABILITIES),
    }
  } catch (error) {
    if (error instanceof Refused) return `the device sent a HELLO that cannot be used: ${error.message}`
    throw error
  }
}

/** Keys in the order of the specification, so that equal values give equal bytes. */
export function encodeHello(hello: Hello): Uint8Array {
  const map = new Map<string, unknown>([
    ['id', hello.id],
    ['model', hello.model],
    ['fw', hello.firmware],
    ['boot', hello.boot],
    ['rate_mhz', hello.rateMilliHz],
    ['lsb_pv', hello.lsbPicovolts],
    ['leads', hello.leads],
    ['retain', hello.retain],
    ['caps', hello.capabilities],
  ])
  return encode(map, { mapSorter: () => 0 })
}

function integer(map: ReadonlyMap<unknown, unknown>, key: string, least: number, most: number): number {
  const value = map.get(key)
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  throw new Refused(`"${key}" must be a whole number from ${least} to ${most}`)
}

function isName(value: unknown, shortest: number): value is string {
  return (
    typeof value === 'string' && value.length >= shortest && value.length <= MAX_NAME && !CONTROL_CHARACTER.test(value)
  )
}

function text(map: ReadonlyMap<unknown, unknown>, key: string, shortest: number): string {
  const value = map.get(key)
  if (isName(value, shortest)) return value
  throw new Refused(`"${key}" must be a text of ${shortest} to ${MAX_NAME} printable characters`)
}

function texts(map: ReadonlyMap<unknown, unknown>, key: string, fewest: number, most: number): string[] {
  const value = map.get(key)
  if (Array.isArray(value) && value.length >= fewest && value.length <= most && value.every(name => isName(name, 1))) {
    return value
  }
  throw new Refused(`"${key}" must be a list of ${fewest} to ${most} short texts`)
}

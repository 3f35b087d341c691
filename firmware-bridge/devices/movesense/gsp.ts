/**
 * Movesense GATT SensorData Protocol (movesense.com/docs/esw/gatt_sensordata_protocol), little-endian. Commands are code,
 * reference, payload; notifications are code, reference (that of the command they belong to), payload.
 */
export const GSP_SERVICE = '34802252-7185-4d5d-b431-630e7050e8f0'
export const GSP_WRITE = '34800001-7185-4d5d-b431-630e7050e8f0'
export const GSP_NOTIFY = '34800002-7185-4d5d-b431-630e7050e8f0'

const HELLO = 0
const SUBSCRIBE = 1
const UNSUBSCRIBE = 2
const COMMAND_RESPONSE = 1
const DATA = 2
const DATA_CONTINUED = 3

export const encodeHello = (reference: number): Uint8Array => Uint8Array.of(HELLO, reference)
export const encodeUnsubscribe = (reference: number): Uint8Array => Uint8Array.of(UNSUBSCRIBE, reference)
export const encodeSubscribe = (reference: number, path: string): Uint8Array =>
  Uint8Array.from([SUBSCRIBE, reference, ...Buffer.from(path)])

export type GspNotification = {
  readonly kind: 'response' | 'data' | 'continued'
  readonly reference: number
  readonly payload: Uint8Array
}

export function decodeGsp(bytes: Uint8Array): GspNotification | undefined {
  const kind = ({ [COMMAND_RESPONSE]: 'response', [DATA]: 'data', [DATA_CONTINUED]: 'continued' } as const)[
    bytes[0] ?? -1
  ]
  if (kind === undefined || bytes.length < 2) return undefined
  return { kind, reference: bytes[1]!, payload: bytes.subarray(2) }
}

export interface GspHello {
  readonly serial: string
  readonly product: string
  readonly version: string
}

/** Alone among the answers it has no status: u8 protocol version, then serial number, product, address, application, version. */
export function decodeGspHello(payload: Uint8Array): GspHello | undefined {
  const texts = Buffer.from(payload.subarray(1)).toString('utf8').split('\0')
  const [serial, product, , , version] = texts
  return serial && product ? { serial, product, version: version || 'unknown' } : undefined
}

/** u16, as in HTTP; undefined where there is none. */
export const decodeGspStatus = (payload: Uint8Array): number | undefined =>
  payload.length >= 2 ? payload[0]! | (payload[1]! << 8) : undefined

/** What `/Meas/ECG/RATE` sends: u32 ms of the FIRST sample, then 16 samples, i32 counts, or i16 µV where the firmware scales. */
export interface GspEcg {
  /** By the sensor's clock, ms since its boot, wrapping after 2³². */
  readonly firstSampleAt: number
  readonly unit: 'count' | 'µV'
}

export const GSP_ECG_SAMPLES = 16
export const GSP_ECG_COUNT_BYTES = 4 + 4 * GSP_ECG_SAMPLES
export const GSP_ECG_MICROVOLT_BYTES = 4 + 2 * GSP_ECG_SAMPLES

/** Values go into `values`. Undefined where the length is neither. */
export function decodeGspEcg(payload: Uint8Array, values: Int32Array): GspEcg | undefined {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  if (payload.length === GSP_ECG_COUNT_BYTES) {
    for (let i = 0; i < GSP_ECG_SAMPLES; i++) values[i] = view.getInt32(4 + 4 * i, true)
    return { firstSampleAt: view.getUint32(0, true), unit: 'count' }
  }
  if (payload.length === GSP_ECG_MICROVOLT_BYTES) {
    for (let i = 0; i < GSP_ECG_SAMPLES; i++) values[i] = view.getInt16(4 + 2 * i, true)
    return { firstSampleAt: view.getUint32(0, true), unit: 'µV' }
  }
  return undefined
}

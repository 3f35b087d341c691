import { readU64 } from '../../link/u64.js'
import { readSigned24LittleEndian } from '../signed-24.js'

/**
 * Polar Measurement Data over BLE (polarofficial/polar-ble-sdk: BlePMDClient, PmdControlPointResponse, EcgData), little-endian.
 * Only what the H10 sends of ECG: measurement 0, frame type 0, 130 Hz, 14 bit, µV in three bytes.
 */
export const PMD_SERVICE = 'fb005c80-02e7-f387-1cad-8acd2d8df0c8'
export const PMD_CONTROL = 'fb005c81-02e7-f387-1cad-8acd2d8df0c8'
export const PMD_DATA = 'fb005c82-02e7-f387-1cad-8acd2d8df0c8'

const ECG = 0
const OP_START = 2
const OP_STOP = 3
const RESPONSE = 0xf0
const STOPPED = 0x01
const FRAME_HEADER_BYTES = 10
const VALUE_BYTES = 3

/** Setting 0 sampling rate = 130 Hz, setting 1 resolution = 14 bit, one u16 each. */
export const START_ECG = Uint8Array.of(OP_START, ECG, 0x00, 1, 130, 0, 0x01, 1, 14, 0)
export const STOP_ECG = Uint8Array.of(OP_STOP, ECG)

export const PmdStatus = { Ok: 0, AlreadyInState: 6 } as const

/** What statuses mean to who reads them; the others are named by their number. */
const STATUS_TEXTS: Readonly<Record<number, string>> = {
  1: 'it does not know the command',
  2: 'it measures no ECG',
  3: 'it does not support this',
  10: 'the MTU is too small',
  12: 'it is not in a state to measure',
  13: 'it is in its charger',
}

export const describePmdStatus = (status: number): string => STATUS_TEXTS[status] ?? `status ${status}`

/** What the control point says: an answer to the start command, or that ECG was stopped by the sensor. Undefined: neither. */
export type PmdControl = { readonly kind: 'started'; readonly status: number } | { readonly kind: 'stopped' }

export function decodePmdControl(bytes: Uint8Array): PmdControl | undefined {
  if (bytes.length >= 4 && bytes[0] === RESPONSE && bytes[1] === OP_START && bytes[2] === ECG)
    return { kind: 'started', status: bytes[3]! }
  if (bytes[0] === STOPPED && bytes.subarray(1).includes(ECG)) return { kind: 'stopped' }
  return undefined
}

/** u8 measurement, u64 ns since 2000 of the LAST sample, u8 frame type (bit 7: compressed), then values. */
export interface PmdEcgFrame {
  /** Of the last sample, by the sensor's clock, µs since 2000-01-01 or since whenever it was set to. */
  readonly lastSampleAt: number
  readonly count: number
}

/** Values go into `values`, µV. Undefined where it is no uncompressed ECG frame of type 0 with at least one whole value. */
export function decodePmdEcg(bytes: Uint8Array, values: Int32Array): PmdEcgFrame | undefined {
  const count = (bytes.length - FRAME_HEADER_BYTES) / VALUE_BYTES
  if (count < 1 || !Number.isInteger(count) || count > values.length) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint8(0) !== ECG || view.getUint8(9) !== 0) return undefined
  for (let i = 0; i < count; i++) values[i] = readSigned24LittleEndian(bytes, FRAME_HEADER_BYTES + VALUE_BYTES * i)
  return { lastSampleAt: readU64(view, 1) / 1000, count }
}

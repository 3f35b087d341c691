import { encode } from 'cborg'
import { decodeCborMap } from '../../link/cbor-map.js'

/**
 * One message of the Simple Management Protocol (Zephyr, "SMP Protocol Specification"): 8 bytes of header, big-endian, and a
 * CBOR map.
 *
 *   0 reserved(3) version(2) operation(3) · 1 flags · 2 length u16 of what follows the header · 4 group u16 · 6 sequence · 7 command
 */
export interface SmpMessage {
  readonly operation: SmpOperation
  readonly version: SmpVersion
  readonly group: number
  /** Echoed by the answer; 8 bits. */
  readonly sequence: number
  readonly command: number
  readonly body: SmpBody
}

export type SmpBody = ReadonlyMap<unknown, unknown>
export type SmpVersion = 0 | 1

export const SMP_HEADER_BYTES = 8
/** SMP version 2, whose errors name their group; a server that knows only version 1 answers in version 1. */
export const SMP_V2: SmpVersion = 1

export const SmpOperation = { Read: 0, ReadResponse: 1, Write: 2, WriteResponse: 3 } as const
export type SmpOperation = (typeof SmpOperation)[keyof typeof SmpOperation]

export const SmpGroup = { Os: 0, Image: 1 } as const
export const OsCommand = { Echo: 0, Reset: 5, Parameters: 6, Info: 7, Bootloader: 8 } as const
export const ImageCommand = { State: 0, Upload: 1, Erase: 5, SlotInfo: 6 } as const

const OPERATION_MASK = 0x07
const VERSION_SHIFT = 3

export type SmpHeader = Omit<SmpMessage, 'body'>

/** Keys that are undefined are left out. */
export function encodeSmp(header: SmpHeader, fields: Readonly<Record<string, unknown>>): Uint8Array {
  const body = encode(fields, { ignoreUndefinedProperties: true })
  const bytes = new Uint8Array(SMP_HEADER_BYTES + body.length)
  const view = new DataView(bytes.buffer)
  bytes[0] = (header.version << VERSION_SHIFT) | header.operation
  view.setUint16(2, body.length)
  view.setUint16(4, header.group)
  bytes[6] = header.sequence
  bytes[7] = header.command
  bytes.set(body, SMP_HEADER_BYTES)
  return bytes
}

/** Undefined for anything that is not one whole message. */
export function decodeSmp(bytes: Uint8Array): SmpMessage | undefined {
  if (smpLength(bytes) !== bytes.length) return undefined
  const body = decodeCborMap(bytes.subarray(SMP_HEADER_BYTES))
  const operation = bytes[0]! & OPERATION_MASK
  const version = (bytes[0]! >> VERSION_SHIFT) & 3
  if (!body || operation > SmpOperation.WriteResponse || version > SMP_V2) return undefined
  return {
    operation: operation as SmpOperation,
    version: version as SmpVersion,
    group: (bytes[4]! << 8) | bytes[5]!,
    sequence: bytes[6]!,
    command: bytes[7]!,
    body,
  }
}

/** Bytes of the message that begins here, as its header says; undefined while the header is not whole. */
export function smpLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < SMP_HEADER_BYTES) return undefined
  return SMP_HEADER_BYTES + ((bytes[2]! << 8) | bytes[3]!)
}

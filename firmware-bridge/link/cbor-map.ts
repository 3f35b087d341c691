import { decode } from 'cborg'

/** Any CBOR map as a JavaScript Map, or undefined for anything else. Takes definite and indefinite lengths; never throws. */
export function decodeCborMap(bytes: Uint8Array): ReadonlyMap<unknown, unknown> | undefined {
  try {
    const value: unknown = decode(bytes, { useMaps: true, rejectDuplicateMapKeys: true })
    return value instanceof Map ? value : undefined
  } catch {
    return undefined // a device's bytes may be anything; why they are not CBOR helps nobody
  }
}

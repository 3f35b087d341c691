import { encode } from 'cborg'
import type { DeviceStatus } from '../device-stream.js'
import { decodeCborMap } from './cbor-map.js'

/** STATUS: a CBOR map of which every key is optional; what is not of its type or range is left out. */
export function decodeStatus(payload: Uint8Array): DeviceStatus | undefined {
  const map = decodeCborMap(payload)
  if (!map) return undefined
  const within = (key: string, least: number, most: number) => {
    const value = map.get(key)
    return typeof value === 'number' && value >= least && value <= most ? value : undefined
  }
  const battery = within('battery', 0, 100)
  const temperatureC = within('temperature_c', -273.15, 1000)
  const dropped = within('dropped', 0, Number.MAX_SAFE_INTEGER)
  const uptimeMs = within('uptime_ms', 0, Number.MAX_SAFE_INTEGER)
  return {
    ...(battery !== undefined && { battery }),
    ...(temperatureC !== undefined && { temperatureC }),
    ...(dropped !== undefined && { dropped }),
    ...(uptimeMs !== undefined && { uptimeMs }),
  }
}

export function encodeStatus(status: DeviceStatus): Uint8Array {
  const map: Record<string, number> = {}
  if (status.battery !== undefined) map.battery = status.battery
  if (status.temperatureC !== undefined) map.temperature_c = status.temperatureC
  if (status.dropped !== undefined) map.dropped = status.dropped
  if (status.uptimeMs !== undefined) map.uptime_ms = status.uptimeMs
  return encode(map)
}

import type { Electrode } from '../../ecg/leads.js'
import type { UnixMillis } from '../../ecg/units.js'
import type {
  DeviceIdentity,
  DeviceState,
  DeviceStatus,
  LinkCounters,
  RadioFigures,
} from '../../firmware-bridge/device-stream.js'
import { type DeviceStateMessage, rfc3339 } from './messages.js'

/** What the gateway knows of a device at one moment. */
export interface DeviceReport {
  readonly state: DeviceState
  readonly reason: string
  /** Null until it has said who it is. */
  readonly identity: DeviceIdentity | null
  readonly status: DeviceStatus
  readonly electrodesOff: readonly Electrode[]
  readonly counters: Readonly<LinkCounters>
  readonly uncertaintyMs: number | null
  /** Undefined on a cable and while there is no connection. */
  readonly radio: RadioFigures | undefined
}

export function deviceStateMessage(
  gateway: string,
  device: string,
  now: UnixMillis,
  { state, reason, identity, status, electrodesOff, counters, uncertaintyMs, radio }: DeviceReport,
): DeviceStateMessage {
  const { missingSamples, duplicateSamples, lostPackets, badFrames } = counters
  const { unknownTypes, resendRequests, reboots, reopens } = counters
  return {
    schema: 'urn:ecgclip:device:1',
    device,
    gateway,
    time: rfc3339(now),
    state,
    reason,
    model: identity?.model ?? null,
    firmware: identity?.firmware ?? null,
    rate: identity?.rate ?? null,
    battery: status.battery ?? null,
    electrodesOff: [...electrodesOff],
    loss: {
      missingSamples,
      duplicateSamples,
      lostPackets,
      badFrames,
      unknownTypes,
      resendRequests,
      reboots,
      reopens,
      droppedByDevice: status.dropped ?? null,
    },
    radio: radio ? { rssi: radio.rssi ?? null, mtu: radio.mtu ?? null } : null,
    clockUncertaintyMs: uncertaintyMs,
  }
}

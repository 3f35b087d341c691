import type { Millis } from '../../ecg/units.js'

/** A message and how the broker is to treat it. */
export interface Publication {
  readonly topic: string
  readonly payload: string
  readonly qos: 0 | 1
  readonly retain: boolean
  /** The message's `schema`, when it names one; told to the broker by MQTT 5 only. */
  readonly schema?: string
  /** The broker keeps it no longer for whoever is away; without it for ever. MQTT 5 only. */
  readonly expiresAfter?: Millis
}

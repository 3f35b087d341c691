import type { IPublishPacket } from 'mqtt'
import type { Publication } from './publication.js'

/**
 * What MQTT 5 tells beside the message (MQTT 5.0, 3.3.2.3), so that brokers and bridges can route by schema without reading it,
 * and need not keep what is out of date. Nothing beside the empty message that clears a retained one.
 */
export function mqtt5Properties({
  payload,
  schema,
  expiresAfter,
}: Publication): NonNullable<IPublishPacket['properties']> {
  if (payload === '') return {}
  return {
    payloadFormatIndicator: true,
    contentType: 'application/json',
    ...(schema !== undefined && { userProperties: { schema } }),
    ...(expiresAfter !== undefined && { messageExpiryInterval: Math.ceil(expiresAfter / 1000) }),
  }
}

import type { Millis } from '../../ecg/units.js'
import type { Publication } from './publication.js'

/** A message as it is published. `expiresAfter`: see `Publication`. */
export const json = (
  topic: string,
  message: object & { readonly schema?: unknown },
  qos: 0 | 1,
  retain: boolean,
  expiresAfter?: Millis,
): Publication => ({
  topic,
  payload: JSON.stringify(message),
  qos,
  retain,
  ...(typeof message.schema === 'string' && { schema: message.schema }),
  ...(expiresAfter !== undefined && { expiresAfter }),
})

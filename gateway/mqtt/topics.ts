import { MessagingError } from './messaging-error.js'

/**
 * Topic names. An id becomes exactly one topic level by percent-encoding what a level cannot hold: `/ + #`, `%` itself,
 * control characters and Unicode's non-characters (MQTT 5.0, 1.5.4 and 4.7.1). `LAFB/LPFB` is `LAFB%2FLPFB`; everything
 * else, spaces and umlauts included, stays readable. `decodeURIComponent` turns a level back into the id.
 */

const RESERVED = /[%/+#\p{Cc}\p{Noncharacter_Code_Point}]/gu

/** Cannot be written in UTF-8. */
const LONE_SURROGATE = /\p{Surrogate}/u

export function topicSegment(id: string): string {
  if (id === '' || LONE_SURROGATE.test(id))
    throw new MessagingError(
      'TOPIC_ID',
      `"${id}" cannot be a topic level: an id needs at least one character of valid text.`,
    )
  return id.replaceAll(RESERVED, encodeURIComponent)
}

export interface Topics {
  readonly state: string
  readonly health: string
  deviceState(device: string): string
  assessment(device: string): string
  alert(device: string, key: string): string
  evidence(device: string, alert: string): string
  command(verb: string): string
  reply(verb: string): string
}

/** `base` may have several levels. Throws a `MessagingError` when base or gateway id cannot be part of a topic. */
export function topicsOf(base: string, gateway: string): Topics {
  if (base.split('/').some(level => level === '' || topicSegment(level) !== level) || base.startsWith('$'))
    throw new MessagingError(
      'TOPIC_BASE',
      `"${base}" cannot be the base of topics: use levels such as "ecg" or "ward/ecg", without $ at the start, +, # or %.`,
      { exitCode: 2 },
    )
  const root = `${base}/${topicSegment(gateway)}`
  const device = (id: string) => `${root}/device/${topicSegment(id)}`
  return {
    state: `${root}/state`,
    health: `${root}/health`,
    deviceState: id => `${device(id)}/state`,
    assessment: id => `${device(id)}/assessment`,
    alert: (id, key) => `${device(id)}/alert/${topicSegment(key)}`,
    evidence: (id, alert) => `${device(id)}/evidence/${alert}`,
    command: verb => `${root}/cmd/${verb}`,
    reply: verb => `${root}/reply/${verb}`,
  }
}

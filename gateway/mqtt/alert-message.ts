import { Hertz, UnixMillis } from '../../ecg/units.js'
import type { AlertTransition } from '../alerts/alert.js'
import { type AlertMessage, rfc3339 } from './messages.js'

/** The alert message of a transition, as it is stored: not yet published, not historical. */
export function alertMessage(
  { signal, raised, changed, acknowledged, uncertaintyMs, delayMs, latencyMs, ...transition }: AlertTransition,
  envelope: Pick<AlertMessage, 'gateway' | 'seq' | 'session'>,
): AlertMessage {
  return {
    schema: 'urn:ecgclip:alert:1',
    ...transition,
    ...envelope,
    condition: { ...transition.condition, codes: [...transition.condition.codes] },
    evidence: transition.evidence as AlertMessage['evidence'],
    signal: signal && {
      ...signal,
      start: rfc3339(signal.start),
      end: rfc3339(signal.end),
      leadsOff: [...signal.leadsOff],
    },
    time: {
      raised: rfc3339(raised),
      changed: rfc3339(changed),
      published: rfc3339(changed),
      uncertaintyMs,
      delayMs: thousandths(delayMs),
      latencyMs,
    },
    acknowledged: acknowledged && { by: acknowledged.by, at: rfc3339(acknowledged.at) },
    historical: false,
    subject: null,
  }
}

/** The message as it goes to the broker now. Latency counts on while a message waits. */
export function published(message: AlertMessage, now: UnixMillis, historical: boolean): AlertMessage {
  const { time } = message
  const waited = Math.max(0, now - Date.parse(time.changed))
  const latencyMs = thousandths(time.latencyMs + waited)
  return { ...message, time: { ...time, published: rfc3339(now), latencyMs }, historical }
}

/** The transition behind a stored message. */
export function transitionOf(message: AlertMessage): AlertTransition {
  const { schema: _, seq: __, session: ___, gateway: ____, historical: _____, subject: ______, ...rest } = message
  const { time, signal, evidence, acknowledged, ...transition } = rest
  return {
    ...transition,
    evidence: evidence as AlertTransition['evidence'],
    signal: signal && {
      ...signal,
      start: UnixMillis(Date.parse(signal.start)),
      end: UnixMillis(Date.parse(signal.end)),
      rate: Hertz(signal.rate),
    },
    raised: UnixMillis(Date.parse(time.raised)),
    changed: UnixMillis(Date.parse(time.changed)),
    acknowledged: acknowledged && { by: acknowledged.by, at: UnixMillis(Date.parse(acknowledged.at)) },
    uncertaintyMs: time.uncertaintyMs,
    delayMs: time.delayMs,
    latencyMs: time.latencyMs,
  }
}

const thousandths = (value: number): number => Math.round(1000 * value) / 1000

import { type Millis, Seconds } from '../../ecg/units.js'
import type { AlertTransition, TechnicalEvidence } from './alert.js'
import type { Clock } from './clock.js'
import type { FindingContext } from './finding-alerts.js'
import { continueIfDue, type OpenAlert, say } from './open-alert.js'
import { TECHNICAL_CONDITIONS, type TechnicalKey } from './technical-conditions.js'

/** A detail that keeps changing (which electrodes, how many samples) is told no more often than this. */
export const UPDATE_EVERY = Seconds(5)

export interface TechnicalAlerts {
  /** The condition holds, for the reason in `detail` (one sentence), or with null does not. */
  set(key: TechnicalKey, detail: string | null): AlertTransition[]
  tick(): AlertTransition[]
  readonly open: number
}

interface Condition {
  detail: string | null
  /** When it last began or ceased to hold. */
  since: Millis
  alert: OpenAlert | null
}

/** The technical alerts of one device, or of the gateway itself. */
export function createTechnicalAlerts(device: string, { clock, newId, suppressed }: FindingContext): TechnicalAlerts {
  const conditions = new Map<TechnicalKey, Condition>()

  /** What follows from the condition as it is now. */
  function settle(key: TechnicalKey, condition: Condition): AlertTransition | null {
    const { raiseAfter, clearAfter } = TECHNICAL_CONDITIONS[key]
    const { alert, detail, since } = condition
    const lasted = clock.monotonic() - since
    if (alert === null) {
      if (detail === null || lasted < raiseAfter) return null
      condition.alert = { last: technicalStart(device, key, newId(), detail, clock), said: clock.monotonic() }
      return condition.alert.last
    }
    if (detail === null) {
      if (lasted < clearAfter) return null
      condition.alert = null
      return say(alert, clock, { phase: 'end', state: 'inactive' })
    }
    if ((alert.last.evidence as TechnicalEvidence).detail === detail) return continueIfDue(alert, clock)
    if (clock.monotonic() - alert.said < UPDATE_EVERY) return null
    return say(alert, clock, { phase: 'update', evidence: { detail } })
  }

  return {
    set(key, detail) {
      const condition = conditions.get(key) ?? { detail: null, since: clock.monotonic(), alert: null }
      conditions.set(key, condition)
      if ((detail === null) !== (condition.detail === null)) {
        if (detail === null && condition.alert === null)
          suppressed({ device, key, reason: 'did not last', probability: null })
        condition.since = clock.monotonic()
      }
      condition.detail = detail
      const transition = settle(key, condition)
      return transition === null ? [] : [transition]
    },
    tick() {
      return [...conditions].flatMap(([key, condition]) => settle(key, condition) ?? [])
    },
    get open() {
      return [...conditions.values()].filter(({ alert, detail }) => alert !== null || detail !== null).length
    },
  }
}

/** The first message of a technical alert. */
export function technicalStart(
  device: string,
  key: TechnicalKey,
  id: string,
  detail: string,
  clock: Clock,
): AlertTransition {
  const { display, priority } = TECHNICAL_CONDITIONS[key]
  const now = clock.utc()
  return {
    device,
    id,
    phase: 'start',
    state: 'active',
    priority,
    type: 'ST',
    condition: { key, display, group: 'technical', codes: [] },
    evidence: { detail },
    signal: null,
    raised: now,
    changed: now,
    uncertaintyMs: null,
    latencyMs: 0,
  }
}

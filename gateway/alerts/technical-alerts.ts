import { Millis, Seconds } from '../../ecg/units.js'
import type { AlertTransition, TechnicalEvidence } from './alert.js'
import type { Clock } from './clock.js'
import type { FindingContext } from './finding.js'
import { acknowledge, escalateOrContinue, type OpenAlert, openAlert, say } from './open-alert.js'
import type { SiteRules } from './site-rules.js'
import { type TechnicalKey, type TechnicalRule, technicalRule } from './technical-conditions.js'

/** A detail that keeps changing (which electrodes, how many samples) is told no more often than this. */
export const UPDATE_EVERY = Seconds(5)

export interface TechnicalAlerts {
  /** The condition holds, for the reason in `detail` (one sentence), or with null does not. */
  set(key: TechnicalKey, detail: string | null): AlertTransition[]
  tick(): AlertTransition[]
  /** Null: it was acknowledged before. */
  acknowledge(key: TechnicalKey, by: string | null): AlertTransition | null
  /** Goes on by what the site decided anew. */
  change(site: SiteRules['technical']): void
  /** The last words on open alerts. */
  open(): AlertTransition[]
  /** Nothing is wrong, nor about to be told. */
  readonly idle: boolean
}

interface Condition {
  rule: TechnicalRule
  detail: string | null
  /** When it last began or ceased to hold. */
  since: Millis
  alert: OpenAlert | null
}

/** The technical alerts of one device, or of the gateway itself. */
export function createTechnicalAlerts(
  device: string,
  { clock, newId, suppressed }: FindingContext,
  site: SiteRules['technical'] = {},
): TechnicalAlerts {
  let rules = site
  const conditions = new Map<TechnicalKey, Condition>()

  /** What follows from the condition as it is now. */
  function settle(key: TechnicalKey, condition: Condition): AlertTransition | null {
    const { rule, alert, detail, since } = condition
    const lasted = Millis(clock.monotonic() - since)
    if (alert === null) {
      if (detail === null || lasted < rule.raiseAfter || rule.disabled) return null
      condition.alert = openAlert(technicalStart(device, key, newId(), detail, clock, { ...rule, lasted }), clock)
      return condition.alert.last
    }
    if (detail === null || rule.disabled) {
      if (lasted < rule.clearAfter && !rule.disabled) return null
      condition.alert = null
      return say(alert, clock, { phase: 'end', state: 'inactive' })
    }
    if ((alert.last.evidence as TechnicalEvidence).detail === detail) return escalateOrContinue(alert, rule, clock)
    if (clock.monotonic() - alert.said < UPDATE_EVERY) return null
    return say(alert, clock, { phase: 'update', evidence: { detail } })
  }

  function conditionOf(key: TechnicalKey): Condition {
    const known = conditions.get(key)
    if (known !== undefined) return known
    const made = { rule: technicalRule(key, rules[key]), detail: null, since: clock.monotonic(), alert: null }
    conditions.set(key, made)
    return made
  }

  return {
    set(key, detail) {
      const condition = conditionOf(key)
      if ((detail === null) !== (condition.detail === null)) {
        if (condition.rule.disabled) suppressed({ device, key, reason: 'disabled', probability: null })
        else if (detail === null && condition.alert === null)
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
    acknowledge(key, by) {
      const { alert, rule } = conditionOf(key)
      return alert === null || alert.last.acknowledged !== null ? null : acknowledge(alert, by, rule, clock)
    },
    change(site = {}) {
      rules = site
      for (const [key, condition] of conditions) condition.rule = technicalRule(key, rules[key])
    },
    open: () => [...conditions.values()].flatMap(({ alert }) => alert?.last ?? []),
    get idle() {
      return [...conditions.values()].every(({ alert, detail }) => alert === null && detail === null)
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
  { display, priority, lasted }: Pick<TechnicalRule, 'display' | 'priority'> & { lasted: Millis } = {
    ...technicalRule(key),
    lasted: Millis(0),
  },
): AlertTransition {
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
    delayMs: lasted,
    acknowledged: null,
    uncertaintyMs: null,
    latencyMs: 0,
  }
}

import type { AlertPriority } from './alert.js'
import type { Tier } from './finding-rule.js'
import type { TechnicalKey } from './technical-conditions.js'

/** What a site has decided for itself; whatever it leaves out is as the bundle, or this program, says. */

export interface SiteEscalation {
  /** Without an acknowledgement. */
  readonly afterSeconds: number
  readonly to: AlertPriority
}

export interface SiteTaskRule {
  readonly enabled?: boolean | undefined
  readonly tier?: Tier | undefined
  readonly threshold?: number | undefined
  readonly clearBelow?: number | undefined
  readonly need?: number | undefined
  readonly of?: number | undefined
  readonly refractorySeconds?: number | undefined
  readonly latch?: boolean | undefined
  readonly priority?: AlertPriority | undefined
  readonly escalate?: SiteEscalation | undefined
}

export interface SiteTechnicalRule {
  readonly enabled?: boolean | undefined
  readonly raiseAfterSeconds?: number | undefined
  readonly priority?: AlertPriority | undefined
  readonly escalate?: SiteEscalation | undefined
}

export interface SiteRules {
  /** By task id. */
  readonly tasks?: Readonly<Record<string, SiteTaskRule>>
  readonly technical?: Readonly<Partial<Record<TechnicalKey, SiteTechnicalRule>>>
}

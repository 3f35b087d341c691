import type { SiteTaskRule } from './finding-rule.js'
import type { SiteTechnicalRule, TechnicalKey } from './technical-conditions.js'

/** What a site has decided for itself; whatever it leaves out is as the bundle, or this program, says. */
export interface SiteRules {
  /** By task id. */
  readonly tasks?: Readonly<Record<string, SiteTaskRule>>
  readonly technical?: Readonly<Partial<Record<TechnicalKey, SiteTechnicalRule>>>
}

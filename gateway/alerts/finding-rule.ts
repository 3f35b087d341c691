import { EcgclipError } from '../../ecg/ecgclip-error.js'
import { type Millis, Seconds } from '../../ecg/units.js'
import type { Task } from '../../models/bundle/manifest.js'
import type { AlertCondition, AlertPriority } from './alert.js'
import type { Confirmation } from './confirmation.js'
import { escalationOf, type PriorityRule, type SiteEscalation } from './open-alert.js'
import { createPersistence, type PersistenceRule } from './persistence.js'
import { createScreening } from './screening.js'
import { SUPERSEDES, type Supersession } from './supersession.js'
import type { SuppressionReason } from './suppression.js'

export type Tier = NonNullable<Task['alert']>['tier']

/** How one task of the bundle raises alerts. */
export interface FindingRule extends PriorityRule {
  readonly condition: AlertCondition
  readonly tier: Tier
  /** Screening tasks have only thresholds of it; see `createScreening`. */
  readonly persistence: PersistenceRule
  /** After an end, no new start of the same finding for this long. */
  readonly refractory: Millis
  /** An alert that is over stays, latched, until somebody acknowledges or resets it. */
  readonly latch: boolean
  /** Findings that, while their alert is open and not over, keep this one from starting and end it. */
  readonly supersededBy: readonly string[]
  /** Set: the task may never alert, and why. Its confirmations are logged all the same. */
  readonly barred: SuppressionReason | null
}

/** What a site has decided for a task; whatever it leaves out is as the bundle, or this program, says. */
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

/** An acute finding must never wait. A screening finding goes on a worklist, once a shift. */
const REFRACTORY = { acute: Seconds(0), prompt: Seconds(60), screening: Seconds(12 * 3600) } satisfies Record<
  Tier,
  Millis
>

/** For a task that the bundle leaves without an alert and the site gives a tier. */
const PERSISTENCE = {
  acute: { need: 1, of: 1 },
  prompt: { need: 2, of: 3 },
  screening: { need: 6, of: 12 },
} satisfies Record<Tier, Pick<PersistenceRule, 'need' | 'of'>>
const CLEAR_BELOW = 0.5 // of the threshold

export class AlertRuleError extends EcgclipError {}

/** Rules of the tasks that have an alert, those that supersede before those they supersede, through however many others. */
export function findingRules(
  tasks: readonly Task[],
  site: Readonly<Record<string, SiteTaskRule>> = {},
  supersedes: Supersession = SUPERSEDES,
): FindingRule[] {
  const above = ({ condition }: FindingRule) => allSuperseders(condition.key, supersedes).size
  return tasks
    .flatMap(task => findingRule(task, site[task.id] ?? {}, supersedes) ?? [])
    .sort((a, b) => above(a) - above(b))
}

/** Those of a task, and theirs. */
function allSuperseders(id: string, supersedes: Supersession, found = new Set<string>()): Set<string> {
  for (const key of supersedersOf(id, supersedes)) if (!found.has(key)) allSuperseders(key, supersedes, found.add(key))
  return found
}

const supersedersOf = (id: string, supersedes: Supersession): string[] =>
  Object.keys(supersedes).filter(key => supersedes[key]!.includes(id))

export function createConfirmation({ tier, persistence }: FindingRule): Confirmation {
  return tier === 'screening' ? createScreening(persistence) : createPersistence(persistence)
}

function findingRule(task: Task, site: SiteTaskRule, supersedes: Supersession): FindingRule | null {
  const tier = site.tier ?? task.alert?.tier
  if (tier === undefined) return null
  const persistence = persistenceOf(task, tier, site)
  const { need, of, threshold, clearBelow } = persistence
  if (need > of || clearBelow > threshold)
    throw new AlertRuleError(
      'ALERT_RULE',
      `Task ${task.id} can never alert as it should: need ${need} of ${of}, clear below ${clearBelow}, threshold ${threshold}; need must be <= of and clearBelow <= threshold, in the bundle and in the configuration (alerts.tasks).`,
      { exitCode: 3 },
    )
  return {
    condition: { key: task.id, display: task.display, group: task.group, codes: task.codes },
    tier,
    persistence,
    refractory: site.refractorySeconds === undefined ? REFRACTORY[tier] : Seconds(site.refractorySeconds),
    latch: site.latch ?? false,
    priority: site.priority ?? 'PN',
    escalation: escalationOf(site.escalate),
    supersededBy: supersedersOf(task.id, supersedes),
    barred: task.evidence === null ? 'barred' : site.enabled === false ? 'disabled' : null,
  }
}

function persistenceOf({ alert, threshold: { value } }: Task, tier: Tier, site: SiteTaskRule): PersistenceRule {
  // Counts of one tier mean nothing to another.
  const counts = alert?.tier === tier ? alert : PERSISTENCE[tier]
  const threshold = site.threshold ?? value
  const clearRatio = alert === null || value === 0 ? CLEAR_BELOW : alert.clearBelow / value
  return {
    need: site.need ?? counts.need,
    of: site.of ?? Math.max(counts.of, site.need ?? 0),
    threshold,
    clearBelow: site.clearBelow ?? threshold * clearRatio,
  }
}

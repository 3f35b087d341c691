import { EcgclipError } from '../../ecg/ecgclip-error.js'
import { type Millis, Seconds } from '../../ecg/units.js'
import type { Task } from '../../models/bundle/manifest.js'
import type { AlertCondition } from './alert.js'
import type { PersistenceRule } from './persistence.js'
import { SUPERSEDES } from './supersession.js'

/** How one task of the bundle raises alerts. */
export interface FindingRule {
  readonly condition: AlertCondition
  readonly persistence: PersistenceRule
  /** After an end, no new start of the same finding for this long. */
  readonly refractory: Millis
  /** Findings that, while their alert is open, keep this one from starting and end it. */
  readonly supersededBy: readonly string[]
  /** Set: the task may never alert, and why. Its confirmations are logged all the same. */
  readonly barred: string | null
}

type Tier = NonNullable<Task['alert']>['tier']

/** An acute finding must never wait. A screening finding goes on a worklist, once a shift. */
const REFRACTORY = { acute: Seconds(0), prompt: Seconds(60), screening: Seconds(12 * 3600) } satisfies Record<
  Tier,
  Millis
>

export class AlertRuleError extends EcgclipError {}

/** Rules of the tasks that have an alert, those that supersede before those they supersede. */
export function findingRules(tasks: readonly Task[]): FindingRule[] {
  return tasks
    .flatMap(task => (task.alert === null ? [] : [findingRule(task, task.alert)]))
    .sort((a, b) => a.supersededBy.length - b.supersededBy.length)
}

function findingRule(task: Task, alert: NonNullable<Task['alert']>): FindingRule {
  const threshold = task.threshold.value
  if (alert.need > alert.of || alert.clearBelow > threshold)
    throw new AlertRuleError(
      'ALERT_RULE',
      `Task ${task.id} of the bundle can never alert as it should: need ${alert.need} of ${alert.of}, clear below ${alert.clearBelow}, threshold ${threshold}; build the bundle again with need <= of and clearBelow <= threshold.`,
      { exitCode: 3 },
    )
  return {
    condition: { key: task.id, display: task.display, group: task.group, codes: task.codes },
    persistence: { need: alert.need, of: alert.of, threshold, clearBelow: alert.clearBelow },
    refractory: REFRACTORY[alert.tier],
    supersededBy: Object.keys(SUPERSEDES).filter(key => SUPERSEDES[key]!.includes(task.id)),
    barred: task.evidence === null ? 'the bundle has no evidence for this task' : null,
  }
}

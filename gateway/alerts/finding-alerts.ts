import type { EcgWindow } from '../window/ecg-window.js'
import type { AlertTransition } from './alert.js'
import type { AssessedWindow } from './assessed-window.js'
import { createFinding, type Finding, type FindingContext } from './finding.js'
import type { FindingRule } from './finding-rule.js'
import { openAlert, say } from './open-alert.js'
import { missingLeads } from './task-leads.js'

/** The model findings of one device. */
export interface FindingAlerts {
  window(assessed: AssessedWindow): AlertTransition[]
  tick(): AlertTransition[]
  /** Takes up an alert that was open when the gateway went down; it is latched until a window judges it. */
  resume(last: AlertTransition): AlertTransition
  /** Those with an open alert. */
  open(): Finding[]
  /** Goes on by other rules: open alerts stay, unless their task may no longer alert; windows are counted anew. */
  change(rules: readonly FindingRule[]): AlertTransition[]
}

export function createFindingAlerts(
  device: string,
  rules: readonly FindingRule[],
  context: FindingContext,
): FindingAlerts {
  let findings = rules.map(rule => createFinding(device, rule, context))
  let byKey = keyed(findings)
  /** Where the windows are. */
  let at: Pick<EcgWindow, 'boot' | 'index'> | null = null

  /** Null: the window says nothing about this task. */
  function probabilityOf(
    { rule, holdBack }: Finding,
    { window, taskIds, probabilities }: AssessedWindow,
  ): number | null {
    const { key } = rule.condition
    const { leadsOff, leadsAbsent, leadsFaulty } = window
    // What the quality model alone thinks of a lead must not silence an acute task.
    const unreadable = rule.tier === 'acute' ? [] : window.leadsUnreadable
    const probability = probabilities?.[taskIds.indexOf(key)]
    if (window.quality === 'uninterpretable' || probability === undefined || Number.isNaN(probability)) return null
    const lacking = missingLeads(key, [...leadsOff, ...leadsAbsent, ...leadsFaulty, ...unreadable])
    if (lacking.length === 0) return probability
    if (probability >= rule.persistence.threshold) holdBack('leads missing', probability, lacking.join(', '))
    return null
  }

  return {
    window(assessed) {
      const { boot, index } = assessed.window
      // A device may give every boot the same number, and another bundle's windows are counted from 0 again.
      const anew = at?.boot !== boot || index <= at.index
      if (anew) for (const finding of findings) finding.countedAnew()
      at = { boot, index }
      return findings.flatMap(finding => {
        const superseder = finding.rule.supersededBy.find(key => isUp(byKey.get(key)))
        return finding.window(assessed, probabilityOf(finding, assessed), superseder) ?? []
      })
    },
    tick: () => findings.flatMap(finding => finding.tick() ?? []),
    resume(last) {
      const finding = byKey.get(last.condition.key)
      if (finding !== undefined) return finding.resume(last)
      const phase = last.state === 'latched' ? 'reset' : 'end'
      return say(openAlert(last, context.clock), context.clock, { phase, state: 'inactive' })
    },
    open: () => findings.filter(({ last }) => last !== null),
    change(next) {
      const before = byKey
      findings = next.map(rule => createFinding(device, rule, context, before.get(rule.condition.key)?.past))
      byKey = keyed(findings)
      const over = [...before.values()].filter(({ rule }) => byKey.get(rule.condition.key)?.rule.barred !== null)
      return over.flatMap(finding => finding.end() ?? [])
    },
  }
}

/** An alert that is over and only waits for somebody to see it says nothing of the patient as they are now. */
const isUp = (finding: Finding | undefined): boolean => finding?.past.alert?.over === null

const keyed = (findings: readonly Finding[]) => new Map(findings.map(finding => [finding.rule.condition.key, finding]))

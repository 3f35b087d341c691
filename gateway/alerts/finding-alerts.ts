import { type Millis, Seconds } from '../../ecg/units.js'
import type { AlertTransition, FindingEvidence, SignalSummary } from './alert.js'
import type { AssessedWindow } from './assessed-window.js'
import type { Clock } from './clock.js'
import type { FindingRule } from './finding-rule.js'
import { continueIfDue, type OpenAlert, say } from './open-alert.js'
import { createPersistence, type Persistence } from './persistence.js'
import { missingLeads } from './task-leads.js'

/**
 * An open alert that no window could judge for this long is latched: it stays up, marked as not live. Lost device,
 * electrodes off and failing inference all come to the same. Ending it would tell a reader that the finding is gone,
 * which nobody knows, and a device that comes back must "resume reporting active alerts" (IHE SDPi, ACNS use case).
 */
export const LATCH_AFTER = Seconds(60)

/** A latched alert that nothing has judged for this long is reset: the patient has left. */
export const LATCHED_FOR = Seconds(30 * 60)

/** An alert that did not start although its persistence was met, or a window that would have counted and did not. */
export interface Suppression {
  readonly device: string
  readonly key: string
  readonly reason: string
  readonly probability: number | null
}

export interface FindingContext {
  readonly clock: Clock
  readonly newId: () => string
  readonly suppressed: (suppression: Suppression) => void
}

export interface FindingAlerts {
  window(assessed: AssessedWindow): AlertTransition[]
  tick(): AlertTransition[]
  /** Takes up an alert that was open when the gateway went down; it is latched until a window judges it. */
  resume(last: AlertTransition): AlertTransition
  readonly open: number
}

interface OpenFinding extends OpenAlert {
  /** When a window last judged it. */
  judged: Millis
}

interface Finding {
  readonly rule: FindingRule
  readonly persistence: Persistence
  alert: OpenFinding | null
  ended: Millis | null
  /** Of the last window that reached the threshold. */
  saliency: readonly number[] | undefined
  /** Why it is being held back; so that one episode is logged once and not at every window. */
  heldBack: string | null
}

/** The model findings of one device. */
export function createFindingAlerts(
  device: string,
  rules: readonly FindingRule[],
  { clock, newId, suppressed }: FindingContext,
): FindingAlerts {
  const findings = rules.map(
    (rule): Finding => ({
      rule,
      persistence: createPersistence(rule.persistence),
      alert: null,
      ended: null,
      saliency: undefined,
      heldBack: null,
    }),
  )
  const byKey = new Map(findings.map(finding => [finding.rule.condition.key, finding]))
  let boot: number | null = null

  function holdBack(finding: Finding, reason: string, probability: number | null): void {
    if (finding.heldBack === reason) return
    finding.heldBack = reason
    suppressed({ device, key: finding.rule.condition.key, reason, probability })
  }

  function close(finding: Finding, change: Partial<AlertTransition> = {}): AlertTransition {
    const alert = finding.alert!
    finding.alert = null
    finding.ended = clock.monotonic()
    return say(alert, clock, { ...change, phase: alert.last.state === 'latched' ? 'reset' : 'end', state: 'inactive' })
  }

  const superseder = (rule: FindingRule): string | undefined => rule.supersededBy.find(key => byKey.get(key)?.alert)

  /** Why an alert that is confirmed must not start now. */
  function objection({ rule, ended }: Finding): string | null {
    if (rule.barred !== null) return rule.barred
    const above = superseder(rule)
    if (above !== undefined) return `superseded by ${above}`
    if (ended !== null && clock.monotonic() - ended < rule.refractory) return 'refractory after the last one'
    return null
  }

  function judge(finding: Finding, assessed: AssessedWindow, probability: number): AlertTransition | null {
    const { rule, persistence, alert } = finding
    if (alert === null) {
      if (!persistence.confirmed) {
        finding.heldBack = null
        return null
      }
      const reason = objection(finding)
      if (reason !== null) {
        holdBack(finding, reason, probability)
        return null
      }
      const now = clock.utc()
      const last: AlertTransition = {
        device,
        id: newId(),
        phase: 'start',
        state: 'active',
        priority: 'PN',
        type: 'SA',
        condition: rule.condition,
        ...proof(finding, assessed, probability, persistence.confirmations),
        raised: now,
        changed: now,
      }
      finding.alert = { last, said: clock.monotonic(), judged: clock.monotonic() }
      finding.heldBack = null
      return last
    }
    alert.judged = clock.monotonic()
    const windows =
      (alert.last.evidence as FindingEvidence).windows + (probability >= rule.persistence.threshold ? 1 : 0)
    const evidence = proof(finding, assessed, probability, windows)
    if (persistence.cleared) return close(finding, evidence)
    const above = superseder(rule)
    if (above !== undefined) {
      holdBack(finding, `superseded by ${above}`, probability)
      return close(finding, evidence)
    }
    alert.last = { ...alert.last, ...evidence }
    if (alert.last.state === 'latched' && probability >= rule.persistence.clearBelow)
      return say(alert, clock, { phase: 'update', state: 'active' })
    return null
  }

  return {
    window(assessed) {
      const { window, taskIds, probabilities } = assessed
      if (window.boot !== boot) for (const { persistence } of findings) persistence.reset()
      boot = window.boot
      const unusable = [...window.leadsOff, ...window.leadsAbsent]
      const said: AlertTransition[] = []
      for (const finding of findings) {
        const { key } = finding.rule.condition
        const probability = probabilities?.[taskIds.indexOf(key)]
        const lacking = missingLeads(key, unusable)
        const known = window.quality !== 'uninterpretable' && probability !== undefined && !Number.isNaN(probability)
        if (!known || lacking.length > 0) {
          finding.persistence.observe(window.index, null)
          if (known && probability >= finding.rule.persistence.threshold)
            holdBack(finding, `cannot be judged without ${lacking.join(', ')}`, probability)
          continue
        }
        finding.persistence.observe(window.index, probability)
        finding.saliency = rounded(assessed.saliency?.get(taskIds.indexOf(key))) ?? finding.saliency
        const transition = judge(finding, assessed, probability)
        if (transition !== null) said.push(transition)
      }
      return said
    },
    tick() {
      const said: AlertTransition[] = []
      for (const finding of findings) {
        const { alert } = finding
        if (alert === null) continue
        const unjudged = clock.monotonic() - alert.judged
        if (unjudged >= LATCHED_FOR) {
          said.push(close(finding))
          finding.ended = null // whoever comes next must not wait for one who left
        } else if (unjudged >= LATCH_AFTER && alert.last.state === 'active')
          said.push(say(alert, clock, { phase: 'update', state: 'latched' }))
        else {
          const again = continueIfDue(alert, clock)
          if (again !== null) said.push(again)
        }
      }
      return said
    },
    resume(last) {
      const alert = { last, said: clock.monotonic(), judged: clock.monotonic() }
      const finding = byKey.get(last.condition.key)
      if (finding === undefined || finding.rule.barred !== null)
        return say(alert, clock, { phase: last.state === 'latched' ? 'reset' : 'end', state: 'inactive' })
      finding.alert = alert
      finding.saliency = (last.evidence as FindingEvidence).saliency
      return say(alert, clock, { phase: last.state === 'latched' ? 'continue' : 'update', state: 'latched' })
    },
    get open() {
      return findings.filter(finding => finding.alert !== null).length
    },
  }
}

/** What the window says for the alert. */
function proof(
  { rule, saliency }: Finding,
  { window, start, end, uncertaintyMs, latencyMs, model }: AssessedWindow,
  probability: number,
  windows: number,
): Pick<AlertTransition, 'evidence' | 'signal' | 'uncertaintyMs' | 'latencyMs'> {
  const { bundle, version, sha256, provider, precision } = model
  const { rate, missing, leadsOff, qualityScore } = window
  const signal: SignalSummary = { start, end, rate, missing, leadsOff, quality: qualityScore }
  const { threshold } = rule.persistence
  const evidence = {
    probability,
    threshold,
    windows,
    ...(saliency && { saliency }),
    model: { bundle, version, sha256, provider, precision },
  }
  return { evidence, signal, uncertaintyMs, latencyMs }
}

/** To a ten-thousandth of a logit: finer than anyone can see, and half of the bytes. */
function rounded(saliency: ArrayLike<number> | undefined): readonly number[] | undefined {
  return saliency && Array.from(saliency, value => Number(value.toFixed(4)))
}

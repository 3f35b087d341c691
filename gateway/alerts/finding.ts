import { Millis, Seconds } from '../../ecg/units.js'
import type { AlertTransition, FindingEvidence } from './alert.js'
import type { AssessedWindow } from './assessed-window.js'
import type { Clock } from './clock.js'
import { createConfirmation, type FindingRule } from './finding-rule.js'
import { acknowledge, escalateOrContinue, type OpenAlert, openAlert, ranked, say } from './open-alert.js'
import { proofOf, type Saliency, saliencyOf } from './proof.js'
import type { Suppression, SuppressionReason } from './suppression.js'

/**
 * An open alert that no window could judge for this long is latched: it stays up, marked as not live. Lost device,
 * electrodes off and failing inference all come to the same. Ending it would tell a reader that the finding is gone,
 * which nobody knows, and a device that comes back must "resume reporting active alerts" (IHE SDPi, ACNS use case).
 */
export const LATCH_AFTER = Seconds(60)

/** A latched alert that nothing has judged for this long, and that was not over before, is reset: the patient has left. */
export const LATCHED_FOR = Seconds(30 * 60)

/** An alert that is over and waits, latched, for somebody to see it, waits no longer than this. */
export const LATCHED_OVER_FOR = Seconds(12 * 3600)

export interface FindingContext {
  readonly clock: Clock
  readonly newId: () => string
  readonly suppressed: (suppression: Suppression) => void
}

/** One task of one device. */
export interface Finding {
  readonly rule: FindingRule
  /** The last word on its alert, while one is open. */
  readonly last: AlertTransition | null
  /**
   * One window, in order. `probability` null: it cannot be judged for this task. `superseder`: the finding with an open alert
   * that makes this one superfluous.
   */
  window(assessed: AssessedWindow, probability: number | null, superseder: string | undefined): AlertTransition | null
  tick(): AlertTransition | null
  acknowledge(by: string | null): AlertTransition | null
  /** Ends an alert that is latched. */
  reset(): AlertTransition
  /** Takes up an alert that was open when the gateway went down; it is latched until a window judges it. */
  resume(last: AlertTransition): AlertTransition
  /** Something spoke for an alert, and this is why there is none; said once and not at every window. */
  holdBack(reason: SuppressionReason, probability: number | null, detail?: string): void
  /** Windows count from 0 again: the device rebooted, or they are made for another bundle. */
  countedAnew(): void
  /** Ends whatever is up: the task may no longer alert. */
  end(): AlertTransition | null
  /** For the finding that goes on from here by another rule. */
  readonly past: FindingPast
}

export interface FindingPast {
  readonly alert: Up | null
  readonly ended: Millis | null
  readonly saliency: Saliency | null
}

interface Up extends OpenAlert {
  /** When a window last judged it. */
  judged: Millis
  /** Since when the windows say that it is over. */
  over: Millis | null
}

export function createFinding(
  device: string,
  rule: FindingRule,
  { clock, newId, suppressed }: FindingContext,
  past?: FindingPast,
): Finding {
  const { key } = rule.condition
  const confirmation = createConfirmation(rule)
  // An alert whose task may no longer alert is ended by whoever made the change.
  let alert: Up | null = rule.barred === null ? (past?.alert ?? null) : null
  let ended = past?.ended ?? null
  let saliency = past?.saliency ?? null
  /** Why it is being held back. */
  let heldBack: SuppressionReason | null = null
  /** Something speaks for an alert that has not been confirmed. */
  let doubtful: number | null = null

  function holdBack(reason: SuppressionReason, probability: number | null, detail?: string): void {
    if (heldBack === reason) return
    heldBack = reason
    suppressed({ device, key, reason, ...(detail !== undefined && { detail }), probability })
  }

  function close(change: Partial<AlertTransition> = {}): AlertTransition {
    const over = alert!
    alert = null
    ended = clock.monotonic()
    return say(over, clock, { ...change, phase: over.last.state === 'latched' ? 'reset' : 'end', state: 'inactive' })
  }

  /** Why an alert that is confirmed must not start now. */
  function objection(superseder: string | undefined): SuppressionReason | null {
    if (rule.barred !== null) return rule.barred
    if (superseder !== undefined) return 'superseded'
    return ended !== null && clock.monotonic() - ended < rule.refractory ? 'refractory' : null
  }

  function startIfConfirmed(assessed: AssessedWindow, probability: number, superseder: string | undefined) {
    if (!confirmation.confirmed) {
      heldBack = null
      if (confirmation.confirmations > 0) doubtful = Math.max(doubtful ?? 0, probability)
      else if (doubtful !== null) {
        suppressed({ device, key, reason: 'not persistent', probability: doubtful })
        doubtful = null
      }
      return null
    }
    doubtful = null
    const reason = objection(superseder)
    if (reason !== null) {
      holdBack(reason, probability, reason === 'superseded' ? superseder : undefined)
      return null
    }
    heldBack = null
    const now = clock.utc()
    const first = confirmation.since ?? arrivalOf(assessed, clock)
    const last: AlertTransition = {
      device,
      id: newId(),
      phase: 'start',
      state: 'active',
      ...ranked(rule.priority, 'SA'),
      condition: rule.condition,
      // The window is kept as the evidence, and another one's saliency must not be drawn on it.
      ...proof(assessed, probability, confirmation.confirmations, probability >= rule.persistence.threshold),
      raised: now,
      changed: now,
      delayMs: Math.max(0, clock.monotonic() - first),
      acknowledged: null,
    }
    alert = { ...openAlert(last, clock), judged: clock.monotonic(), over: null }
    return last
  }

  /** What a window that can be judged says of the alert that is up. */
  function judge(up: Up, assessed: AssessedWindow, probability: number, superseder: string | undefined) {
    const { threshold, clearBelow } = rule.persistence
    const { state, acknowledged } = up.last
    up.judged = clock.monotonic()
    const { windows } = up.last.evidence as FindingEvidence
    const evidence = proof(assessed, probability, windows + (probability >= threshold ? 1 : 0))
    if (superseder !== undefined) {
      holdBack('superseded', probability, superseder)
      return close(evidence)
    }
    if (confirmation.cleared) {
      if (!rule.latch || acknowledged !== null) return close(evidence)
      if (up.over !== null) return null
      up.over = clock.monotonic()
      up.last = { ...up.last, ...evidence }
      return state === 'latched' ? null : say(up, clock, { phase: 'update', state: 'latched' })
    }
    if (up.over !== null) {
      if (!confirmation.confirmed) return null
      up.over = null
    }
    up.last = { ...up.last, ...evidence }
    return state === 'latched' && probability >= clearBelow
      ? say(up, clock, { phase: 'update', state: 'active' })
      : null
  }

  function proof(assessed: AssessedWindow, probability: number, windows: number, salient = true) {
    const { threshold } = rule.persistence
    return proofOf(assessed, { probability, threshold, windows, saliency: salient ? saliency?.steps : undefined })
  }

  return {
    rule,
    get last() {
      return alert?.last ?? null
    },
    window(assessed, probability, superseder) {
      const { index, quality } = assessed.window
      confirmation.observe({ index, arrived: arrivalOf(assessed, clock), good: quality === 'good', probability })
      if (probability === null) return null
      if (probability >= rule.persistence.threshold || assessed.model.sha256 !== saliency?.model)
        saliency = saliencyOf(assessed, key)
      return alert === null
        ? startIfConfirmed(assessed, probability, superseder)
        : judge(alert, assessed, probability, superseder)
    },
    tick() {
      if (alert === null) return null
      const now = clock.monotonic()
      const unjudged = now - alert.judged
      const forgotten = alert.over === null ? unjudged >= LATCHED_FOR : now - alert.over >= LATCHED_OVER_FOR
      if (forgotten) {
        const said = close()
        ended = null // whoever comes next must not wait for one who left
        return said
      }
      if (unjudged >= LATCH_AFTER && alert.last.state === 'active')
        return say(alert, clock, { phase: 'update', state: 'latched' })
      return escalateOrContinue(alert, rule, clock)
    },
    acknowledge(by) {
      if (alert === null || alert.last.acknowledged !== null) return null
      const said = acknowledge(alert, by, rule, clock)
      return alert.over === null ? said : close()
    },
    reset: () => close(),
    resume(last) {
      const { probability, model, saliency: steps } = last.evidence as FindingEvidence
      // Whether it was over is not told; below `clearBelow` it is taken for so, or nobody might ever see it.
      const waits = rule.latch && last.state === 'latched' && last.acknowledged === null
      const over = waits && probability < rule.persistence.clearBelow ? clock.monotonic() : null
      const resumed = { ...openAlert(last, clock), judged: clock.monotonic(), over }
      if (rule.barred !== null)
        return say(resumed, clock, { phase: last.state === 'latched' ? 'reset' : 'end', state: 'inactive' })
      alert = resumed
      saliency = { model: model.sha256, steps }
      return say(resumed, clock, { phase: last.state === 'latched' ? 'continue' : 'update', state: 'latched' })
    },
    holdBack,
    countedAnew: () => confirmation.reset(),
    end: () => (alert === null ? null : close()),
    get past() {
      return { alert, ended, saliency }
    },
  }
}

/** When the window's last sample arrived, on the monotonic clock. */
const arrivalOf = ({ latencyMs }: AssessedWindow, clock: Clock): Millis => Millis(clock.monotonic() - latencyMs)

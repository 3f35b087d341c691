import type { Millis } from '../../ecg/units.js'
import type { AlertTransition } from './alert.js'
import type { FindingRule, Tier } from './finding-rule.js'
import { SCREENING_MINIMUM } from './screening.js'
import type { Suppression, SuppressionReason } from './suppression.js'

/** How long a finding of a tier takes from its first evidence to its alert, by its rules and as it turned out. */
export interface TierDelay {
  readonly tasks: number
  /** The least that the rules of the tier's tasks allow: further windows that must confirm, a hop each. */
  readonly minimumMs: number
  /** Alerts since the start of the gateway, and what the newest `MAX_DELAYS` of them took. */
  readonly starts: number
  readonly medianMs: number | null
  readonly maximumMs: number | null
}

/** What the alert engine did, for those who have to disclose it. */
export interface AlertAccount {
  readonly delay: Readonly<Partial<Record<Tier, TierDelay>>>
  /** Since the start of the gateway. */
  readonly suppressed: Readonly<Partial<Record<SuppressionReason, number>>>
}

export interface AlertAccountant {
  suppressed(suppression: Suppression): void
  /** Any transition; only starts of findings count. */
  transition(transition: AlertTransition): void
  account(rules: readonly FindingRule[], hop: Millis): AlertAccount
}

const MAX_DELAYS = 1000

export function createAlertAccountant(): AlertAccountant {
  const suppressed = new Map<SuppressionReason, number>()
  /** By task, oldest first. */
  const delays = new Map<string, { starts: number; newest: number[] }>()
  return {
    suppressed({ reason }) {
      suppressed.set(reason, (suppressed.get(reason) ?? 0) + 1)
    },
    transition({ phase, condition, delayMs }) {
      if (phase !== 'start' || condition.group === 'technical') return
      const { starts, newest } = delays.get(condition.key) ?? { starts: 0, newest: [] }
      delays.set(condition.key, { starts: starts + 1, newest: [...newest, delayMs].slice(-MAX_DELAYS) })
    },
    account(rules, hop) {
      const tiers = [...new Set(rules.map(({ tier }) => tier))]
      const delay = tiers.map((tier): [Tier, TierDelay] => {
        const ofTier = rules.filter(rule => rule.tier === tier)
        const seen = ofTier.flatMap(({ condition }) => delays.get(condition.key) ?? [])
        const took = seen.flatMap(({ newest }) => newest).sort((a, b) => a - b)
        return [
          tier,
          {
            tasks: ofTier.length,
            minimumMs: Math.min(...ofTier.map(rule => (windowsOf(rule) - 1) * hop)),
            starts: seen.reduce((sum, { starts }) => sum + starts, 0),
            medianMs: took[Math.floor(took.length / 2)] ?? null,
            maximumMs: took.at(-1) ?? null,
          },
        ]
      })
      return { delay: Object.fromEntries(delay), suppressed: Object.fromEntries(suppressed) }
    },
  }
}

const windowsOf = ({ tier, persistence }: FindingRule): number =>
  tier === 'screening' ? SCREENING_MINIMUM : persistence.need

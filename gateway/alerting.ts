import type { Millis } from '../ecg/units.js'
import type { Manifest } from '../models/bundle/manifest.js'
import type { AlertTransition } from './alerts/alert.js'
import { type AlertAccount, createAlertAccountant } from './alerts/alert-account.js'
import { type AlertEngineOptions, type AlertRules, createAlertEngine } from './alerts/alert-engine.js'
import { AlertError } from './alerts/alert-error.js'
import type { AssessedWindow } from './alerts/assessed-window.js'
import { type EvidenceWindow, evidenceWindow } from './alerts/evidence-window.js'
import { newestWithin } from './alerts/newest-within.js'
import type { TechnicalKey } from './alerts/technical-conditions.js'

/** Of all windows behind alerts that are kept in memory; the oldest go first. 131 of a model at 100 Hz, 26 at 500 Hz. */
const MOST_EVIDENCE_BYTES = 3 * 2 ** 20

export interface AlertingOptions extends AlertEngineOptions {
  readonly input: Manifest['input']
  readonly hop: Millis
  /** Open when the gateway went down. */
  readonly unfinished: readonly AlertTransition[]
  /** Takes charge of every step of every alert. */
  readonly publish: (transition: AlertTransition) => void
}

/**
 * The alert engine with what surrounds it: every transition is published, and the window behind each alert is kept for those
 * who ask. Commands and the monitor page meet alerts here.
 */
export interface Alerting {
  window(device: string, assessed: AssessedWindow): void
  condition(device: string, key: TechnicalKey, detail: string | null): void
  /** Call it about once a second. */
  tick(): void
  /** Delays and suppressed alerts, since the start. */
  account(): AlertAccount
  /** The last word on every open alert. */
  open(): AlertTransition[]
  /** By id; answers the alert as it now is. Harmless when repeated. Throws an `AlertError` when no open alert has this id. */
  acknowledge(id: string, by: string | null): AlertTransition
  /** Ends a latched alert. Throws an `AlertError` when it is active or not open. */
  reset(id: string): AlertTransition
  /** The window that started an alert, also for a while after its end; throws an `AlertError` when there is none. */
  evidence(id: string): EvidenceWindow
  /** Goes on by other rules, such as a reload brings or another bundle. Throws, and changes nothing, when they cannot work. */
  change(rules: AlertRules & Pick<AlertingOptions, 'input'>): void
  /** Tells every transition from now on; answers how to stop that. */
  watch(watcher: (transition: AlertTransition) => void): () => void
}

export function createAlerting({ unfinished, publish, ...options }: AlertingOptions): Alerting {
  let { input } = options
  const accountant = createAlertAccountant()
  const engine = createAlertEngine({
    ...options,
    suppressed(suppression) {
      accountant.suppressed(suppression)
      options.suppressed(suppression)
    },
  })
  const windows = newestWithin<EvidenceWindow>(MOST_EVIDENCE_BYTES)
  const watchers = new Set<(transition: AlertTransition) => void>([accountant.transition, publish])

  function tell(transitions: readonly AlertTransition[]): void {
    for (const transition of transitions) for (const watcher of watchers) watcher(transition)
  }

  tell(engine.resume(unfinished))

  return {
    window(device, assessed) {
      for (const alert of engine.window(device, assessed)) {
        // One by one: whoever is told of a start may ask for its window, and those of all together may be too many to keep.
        if (alert.phase === 'start') windows.set(alert.id, evidenceWindow(alert, assessed, input))
        tell([alert])
      }
    },
    condition: (device, key, detail) => tell(engine.condition(device, key, detail)),
    tick: () => tell(engine.tick()),
    account: () => accountant.account(engine.rules, options.hop),
    open: () => engine.open(),
    acknowledge(id, by) {
      const transitions = engine.acknowledge(id, by)
      tell(transitions)
      return transitions.at(-1) ?? engine.open().find(alert => alert.id === id)!
    },
    reset(id) {
      const [transition] = engine.reset(id)
      tell([transition!])
      return transition!
    },
    evidence(id) {
      const window = windows.get(id)
      if (window === undefined)
        throw new AlertError(
          'ALERT_WITHOUT_EVIDENCE',
          `No window is kept for alert ${id}: it is technical, too old, or of an earlier run of the gateway.`,
        )
      return window
    },
    change(rules) {
      tell(engine.change(rules))
      input = rules.input
    },
    watch(watcher) {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
  }
}

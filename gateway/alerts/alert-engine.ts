import { type Millis, Seconds } from '../../ecg/units.js'
import type { Task } from '../../models/bundle/manifest.js'
import type { AlertTransition } from './alert.js'
import { AlertError } from './alert-error.js'
import type { AssessedWindow } from './assessed-window.js'
import type { FindingContext } from './finding.js'
import { createFindingAlerts, type FindingAlerts } from './finding-alerts.js'
import { type FindingRule, findingRules } from './finding-rule.js'
import { openAlert, say } from './open-alert.js'
import type { SiteRules } from './site-rules.js'
import type { Supersession } from './supersession.js'
import { createTechnicalAlerts, type TechnicalAlerts } from './technical-alerts.js'
import type { TechnicalKey } from './technical-conditions.js'

/** A device that said nothing for this long, and for the longest refractory time, and has no open alert is forgotten. */
const FORGET_AFTER = Seconds(24 * 3600)

export interface AlertRules {
  readonly tasks: readonly Task[]
  readonly site?: SiteRules
  /** Which finding makes which superfluous; by default what this program knows. */
  readonly supersedes?: Supersession
}

export interface AlertEngineOptions extends FindingContext, AlertRules {}

/**
 * Turns probabilities and technical conditions into alerts. Pure: no I/O, no timer of its own; every call returns the
 * transitions that follow from it, in order. Devices never affect each other.
 */
export interface AlertEngine {
  /** Windows of one device come in order; those lost whole need not come at all. */
  window(device: string, assessed: AssessedWindow): AlertTransition[]
  /** Sets (with one sentence that says what is wrong) or clears (null) a technical condition. Repeating it is harmless. */
  condition(device: string, key: TechnicalKey, detail: string | null): AlertTransition[]
  /** What time alone brings about. Call it about once a second. */
  tick(): AlertTransition[]
  /**
   * Takes over the alerts that an earlier run of the gateway left open. Findings go on under their id, latched until a
   * window judges them; technical alerts end, for they were about that run, and are raised anew if they still hold.
   */
  resume(open: readonly AlertTransition[]): AlertTransition[]
  /** In force now. */
  readonly rules: readonly FindingRule[]
  /** The last word on every open alert. */
  open(): AlertTransition[]
  /**
   * Somebody has seen this alert. Nothing follows when that was known. Throws an `AlertError` when no open alert has this id.
   * `by`: a role or a pseudonym, never a name.
   */
  acknowledge(id: string, by: string | null): AlertTransition[]
  /**
   * Goes on by other rules: another bundle's tasks, or what the site decided anew. Open alerts stay, unless their task may no
   * longer alert. Throws, and changes nothing, when a rule could never work.
   */
  change(rules: AlertRules): AlertTransition[]
  /** Ends an alert that is latched. Throws an `AlertError` when it is still active, or is not open. */
  reset(id: string): AlertTransition[]
}

interface DeviceAlerts {
  readonly findings: FindingAlerts
  readonly technical: TechnicalAlerts
  heard: Millis
}

export function createAlertEngine(options: AlertEngineOptions): AlertEngine {
  const { clock } = options
  let rules = findingRules(options.tasks, options.site?.tasks, options.supersedes)
  let technicalSite = options.site?.technical
  const devices = new Map<string, DeviceAlerts>()

  function alertsOf(device: string): DeviceAlerts {
    const known = devices.get(device)
    if (known !== undefined) {
      known.heard = clock.monotonic()
      return known
    }
    const made = {
      findings: createFindingAlerts(device, rules, options),
      technical: createTechnicalAlerts(device, options, technicalSite),
      heard: clock.monotonic(),
    }
    devices.set(device, made)
    return made
  }

  const openOf = ({ findings, technical }: DeviceAlerts) => [
    ...findings.open().map(({ last }) => last!),
    ...technical.open(),
  ]

  /** The device of an open alert. */
  function holding(id: string): DeviceAlerts & { readonly last: AlertTransition } {
    for (const alerts of devices.values()) {
      const last = openOf(alerts).find(alert => alert.id === id)
      if (last !== undefined) return { ...alerts, last }
    }
    throw new AlertError('ALERT_UNKNOWN', `No open alert has the id ${id}: it is over, or it never was.`)
  }

  const findingOf = ({ findings, last }: ReturnType<typeof holding>) =>
    findings.open().find(finding => finding.last?.id === last.id)

  return {
    window: (device, assessed) => alertsOf(device).findings.window(assessed),
    condition: (device, key, detail) => alertsOf(device).technical.set(key, detail),
    tick() {
      const said: AlertTransition[] = []
      const longest = Math.max(FORGET_AFTER, ...rules.map(({ refractory }) => refractory))
      for (const [device, { findings, technical, heard }] of devices) {
        said.push(...findings.tick(), ...technical.tick())
        const idle = findings.open().length === 0 && technical.idle
        if (idle && clock.monotonic() - heard >= longest) devices.delete(device)
      }
      return said
    },
    resume: open =>
      open.map(last =>
        last.type === 'ST'
          ? say(openAlert(last, clock), clock, { phase: 'end', state: 'inactive' })
          : alertsOf(last.device).findings.resume(last),
      ),
    get rules() {
      return rules
    },
    open: () => [...devices.values()].flatMap(openOf),
    acknowledge(id, by) {
      const held = holding(id)
      const finding = findingOf(held)
      const said = finding
        ? finding.acknowledge(by)
        : held.technical.acknowledge(held.last.condition.key as TechnicalKey, by)
      return said === null ? [] : [said]
    },
    change({ tasks, site, supersedes }) {
      rules = findingRules(tasks, site?.tasks, supersedes)
      technicalSite = site?.technical
      return [...devices.values()].flatMap(({ findings, technical }) => {
        technical.change(technicalSite)
        return findings.change(rules)
      })
    },
    reset(id) {
      const held = holding(id)
      const finding = findingOf(held)
      if (finding === undefined || held.last.state !== 'latched')
        throw new AlertError(
          'ALERT_ACTIVE',
          'The alert is active: it ends by itself when it is no longer so; acknowledge it.',
        )
      return [finding.reset()]
    },
  }
}

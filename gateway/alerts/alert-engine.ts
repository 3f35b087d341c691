import { type Millis, Seconds } from '../../ecg/units.js'
import type { Task } from '../../models/bundle/manifest.js'
import type { AlertTransition } from './alert.js'
import type { AssessedWindow } from './assessed-window.js'
import { createFindingAlerts, type FindingAlerts, type FindingContext } from './finding-alerts.js'
import { findingRules } from './finding-rule.js'
import { say } from './open-alert.js'
import { createTechnicalAlerts, type TechnicalAlerts } from './technical-alerts.js'
import type { TechnicalKey } from './technical-conditions.js'

/** A device that said nothing for this long and has no open alert is forgotten; longer than any refractory time. */
const FORGET_AFTER = Seconds(24 * 3600)

export interface AlertEngineOptions extends FindingContext {
  readonly tasks: readonly Task[]
}

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
}

interface DeviceAlerts {
  readonly findings: FindingAlerts
  readonly technical: TechnicalAlerts
  heard: Millis
}

export function createAlertEngine(options: AlertEngineOptions): AlertEngine {
  const { clock } = options
  const rules = findingRules(options.tasks)
  const devices = new Map<string, DeviceAlerts>()

  function alertsOf(device: string): DeviceAlerts {
    const known = devices.get(device)
    if (known !== undefined) {
      known.heard = clock.monotonic()
      return known
    }
    const made = {
      findings: createFindingAlerts(device, rules, options),
      technical: createTechnicalAlerts(device, options),
      heard: clock.monotonic(),
    }
    devices.set(device, made)
    return made
  }

  return {
    window: (device, assessed) => alertsOf(device).findings.window(assessed),
    condition: (device, key, detail) => alertsOf(device).technical.set(key, detail),
    tick() {
      const said: AlertTransition[] = []
      for (const [device, { findings, technical, heard }] of devices) {
        said.push(...findings.tick(), ...technical.tick())
        const idle = findings.open === 0 && technical.open === 0
        if (idle && clock.monotonic() - heard >= FORGET_AFTER) devices.delete(device)
      }
      return said
    },
    resume: open =>
      open.map(last =>
        last.type === 'ST'
          ? say({ last, said: clock.monotonic() }, clock, { phase: 'end', state: 'inactive' })
          : alertsOf(last.device).findings.resume(last),
      ),
  }
}

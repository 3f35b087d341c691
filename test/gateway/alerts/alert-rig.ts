import type { Lead } from '../../../ecg/leads.js'
import { Hertz, Microseconds, Millis, SampleIndex, UnixMillis } from '../../../ecg/units.js'
import type { AlertTransition } from '../../../gateway/alerts/alert.js'
import { type AlertEngine, createAlertEngine } from '../../../gateway/alerts/alert-engine.js'
import type { AssessedWindow } from '../../../gateway/alerts/assessed-window.js'
import type { SiteRules } from '../../../gateway/alerts/site-rules.js'
import type { Suppression } from '../../../gateway/alerts/suppression.js'
import type { WindowQuality } from '../../../gateway/window/ecg-window.js'
import type { Task } from '../../../models/bundle/manifest.js'

/** An alert engine on a clock that only the test moves. */

export const HOP_MS = 5000
const START = Date.parse('2026-03-01T12:00:00.000Z')

const measured = { value: 0.9, low: 0.85, high: 0.95 }

export function task(id: string, change: Partial<Task> = {}): Task {
  return {
    id,
    group: 'diagnosis',
    display: `display of ${id}`,
    codes: [{ system: 'http://snomed.info/sct', code: '164889003' }],
    kind: 'binary',
    calibration: { method: 'platt', a: 1, b: 0 },
    threshold: { value: 0.8, rule: 'fixed for tests' },
    alert: { tier: 'prompt', need: 2, of: 3, clearBelow: 0.5 },
    evidence: { cohort: 'c', trainingPositives: 9, positives: 9, prevalence: 0.1, prauc: measured, auroc: measured },
    ...change,
  }
}

export interface WindowChange {
  readonly index?: number
  readonly boot?: number
  readonly quality?: WindowQuality
  readonly leadsOff?: readonly Lead[]
  readonly leadsAbsent?: readonly Lead[]
  readonly leadsFaulty?: readonly Lead[]
  readonly leadsUnreadable?: readonly Lead[]
  readonly saliency?: AssessedWindow['saliency']
  /** Of the model. */
  readonly sha256?: string
}

export interface AlertRig {
  readonly engine: AlertEngine
  readonly suppressions: Suppression[]
  /** Everything that the engine has said, in order. */
  readonly said: AlertTransition[]
  /** Moves the clock and ticks. */
  wait(ms: number): AlertTransition[]
  /** Moves the clock, and nothing else. */
  pass(ms: number): void
  /** The next window of a device, one hop later, with these probabilities; null: not assessed. */
  window(probabilities: Record<string, number> | null, change?: WindowChange, device?: string): AlertTransition[]
  condition(...args: Parameters<AlertEngine['condition']>): AlertTransition[]
  acknowledge(...args: Parameters<AlertEngine['acknowledge']>): AlertTransition[]
}

export function alertRig(tasks: readonly Task[], site: SiteRules = {}): AlertRig {
  let now = 0
  let ids = 0
  const indices = new Map<string, number>()
  const said: AlertTransition[] = []
  const suppressions: Suppression[] = []
  const keep = (transitions: AlertTransition[]) => {
    said.push(...transitions)
    return transitions
  }
  const engine = createAlertEngine({
    tasks,
    site,
    clock: { utc: () => UnixMillis(START + now), monotonic: () => Millis(now) },
    newId: () => `01${String(++ids).padStart(24, '0')}`,
    suppressed: suppression => suppressions.push(suppression),
  })
  return {
    engine,
    suppressions,
    said,
    wait(ms) {
      now += ms
      return keep(engine.tick())
    },
    pass(ms) {
      now += ms
    },
    window(probabilities, change = {}, device = 'patch-1') {
      now += HOP_MS
      const index = change.index ?? (indices.get(device) ?? -1) + 1
      indices.set(device, index)
      return keep(engine.window(device, assessedWindow(probabilities, START + now, { ...change, index })))
    },
    condition: (...args) => keep(engine.condition(...args)),
    acknowledge: (...args) => keep(engine.acknowledge(...args)),
  }
}

export function assessedWindow(
  probabilities: Record<string, number> | null,
  end: number,
  {
    index = 0,
    boot = 1,
    quality = 'good',
    leadsOff = [],
    leadsAbsent = [],
    leadsFaulty = [],
    leadsUnreadable = [],
    saliency,
    sha256 = 'a'.repeat(64),
  }: WindowChange = {},
): AssessedWindow {
  return {
    window: {
      index,
      boot,
      firstSample: SampleIndex(index * 2500),
      samples: 5000,
      rate: Hertz(500),
      missing: 0,
      leadsOff,
      leadsAbsent,
      leadsFaulty,
      leadsUnreadable,
      leadScores: {},
      quality,
      qualityScore: quality === 'good' ? 1 : 0.4,
      reasons: quality === 'good' ? [] : ['said by the test'],
      signal: new Float32Array(0),
      completed: Microseconds(0),
    },
    start: UnixMillis(end - 10_000),
    end: UnixMillis(end),
    uncertaintyMs: 8,
    taskIds: Object.keys(probabilities ?? {}),
    probabilities: probabilities === null ? null : Float64Array.from(Object.values(probabilities)),
    saliency,
    model: {
      bundle: 'reference',
      version: '1.0.0',
      sha256,
      provider: 'cpu',
      precision: 'int8',
      variant: 'model.int8.onnx',
    },
    latencyMs: 20,
  }
}

/** `start AFIB active`, for comparing what was said at a glance. */
export const inWords = (transitions: readonly AlertTransition[]): string[] =>
  transitions.map(({ phase, condition, state }) => `${phase} ${condition.key} ${state}`)

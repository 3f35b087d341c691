import type { AlertRules } from '../../gateway/alerts/alert-engine.js'
import type { SiteTaskRule } from '../../gateway/alerts/finding-rule.js'
import type { Task } from '../../models/bundle/manifest.js'

/** The alert engine with all that keeps it quiet, and without one or all of it. */
export interface Mechanisms {
  readonly name: string
  readonly rules: AlertRules
  /** False: every window counts as a good one. */
  readonly qualityGate: boolean
}

type Without = 'persistence' | 'hysteresis' | 'refractory time' | 'supersession' | 'screening median' | 'quality gate'

const ALL: readonly Without[] = [
  'persistence',
  'hysteresis',
  'refractory time',
  'supersession',
  'screening median',
  'quality gate',
]

export function mechanisms(tasks: readonly Task[]): Mechanisms[] {
  return [
    without(tasks, 'as shipped', []),
    ...ALL.map(one => without(tasks, `without ${one}`, [one])),
    without(tasks, 'without any', ALL),
  ]
}

function without(tasks: readonly Task[], name: string, left: readonly Without[]): Mechanisms {
  const lacks = (one: Without) => left.includes(one)
  const rule = ({ alert, threshold }: Task): SiteTaskRule => {
    // Without the median a screening task is confirmed as a prompt one, by the manifest's own counts.
    const tier = alert?.tier === 'screening' && lacks('screening median') ? 'prompt' : undefined
    const counts = tier && { need: alert!.need, of: alert!.of }
    return {
      ...(tier && { tier }),
      ...counts,
      ...(lacks('persistence') && { need: 1, of: 1 }),
      ...(lacks('hysteresis') && { clearBelow: threshold.value }),
      ...(lacks('refractory time') && { refractorySeconds: 0 }),
    }
  }
  const site = { tasks: Object.fromEntries(tasks.map(task => [task.id, rule(task)])) }
  return {
    name,
    rules: { tasks, site, ...(lacks('supersession') && { supersedes: {} }) },
    qualityGate: !lacks('quality gate'),
  }
}

import type { Manifest } from '../../models/bundle/manifest.js'
import type { Urgency } from './schedule.js'

/** How urgent each patient's next window is: as the most urgent alert that the last one was not clear of. */
export interface UrgencyOf {
  of(patient: string): Urgency
  learn(patient: string, probabilities: ArrayLike<number>): void
}

const RISING = ['screening', 'prompt', 'acute'] as const satisfies Urgency[]

export function createUrgency(tasks: Manifest['tasks']): UrgencyOf {
  /** Only those above screening. */
  const urgent = new Map<string, Urgency>()
  return {
    of: patient => urgent.get(patient) ?? 'screening',
    learn(patient, probabilities) {
      let level = 0
      tasks.forEach(({ alert }, task) => {
        if (alert && probabilities[task]! >= alert.clearBelow) level = Math.max(level, RISING.indexOf(alert.tier))
      })
      if (level > 0) urgent.set(patient, RISING[level]!)
      else urgent.delete(patient)
    },
  }
}

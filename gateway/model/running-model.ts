import type { Bundle } from '../../models/bundle/load-bundle.js'
import type { Slot } from '../../models/store/store-state.js'
import type { BundleEngine } from '../inference/start-engine.js'

/** A bundle in use. */
export interface RunningModel {
  /** Null: the shipped bundle, or the one that the configuration names. */
  readonly slot: Slot | null
  readonly bundle: Bundle
  readonly engine: BundleEngine
}

/** Signed anew, a bundle is another one: it answers for itself with another key. */
export function sameModel(one: Bundle, another: Bundle): boolean {
  return one.sha256 === another.sha256 && one.key === another.key
}

/** Whether one can answer windows that were made for the other, task by task. */
export function interchangeable({ manifest: one }: Bundle, { manifest: another }: Bundle): boolean {
  const shape = ({ input, tasks }: typeof one) => JSON.stringify([input, tasks.map(({ id }) => id)])
  return shape(one) === shape(another)
}

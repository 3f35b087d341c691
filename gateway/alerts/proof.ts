import type { AlertTransition, FindingEvidence, SignalSummary } from './alert.js'
import type { AssessedWindow } from './assessed-window.js'

/** Of the last window that reached the threshold, or since then of the first that another model judged. */
export interface Saliency {
  /** SHA-256 of the model that it is of. */
  readonly model: string
  /** Undefined: the model gave none. */
  readonly steps: readonly number[] | undefined
}

/** What an alert says of the window that it speaks of. */
export function proofOf(
  { window, start, end, uncertaintyMs, latencyMs, model }: AssessedWindow,
  {
    saliency,
    ...figures
  }: Pick<FindingEvidence, 'probability' | 'threshold' | 'windows'> & {
    saliency: readonly number[] | undefined
  },
): Pick<AlertTransition, 'evidence' | 'signal' | 'uncertaintyMs' | 'latencyMs'> {
  const { bundle, version, sha256, provider, precision } = model
  const { rate, missing, leadsOff, qualityScore } = window
  const signal: SignalSummary = { start, end, rate, missing, leadsOff, quality: qualityScore }
  const evidence = {
    ...figures,
    ...(saliency && { saliency }),
    model: { bundle, version, sha256, provider, precision },
  }
  return { evidence, signal, uncertaintyMs, latencyMs }
}

/** To a ten-thousandth of a logit: finer than anyone can see, and half of the bytes. */
export function saliencyOf({ saliency, taskIds, model }: AssessedWindow, key: string): Saliency {
  const given = saliency?.get(taskIds.indexOf(key))
  const steps = given && Array.from(given, value => Number(value.toFixed(4)))
  // What is no number is null in JSON, and no alert message.
  return { model: model.sha256, steps: steps?.every(Number.isFinite) ? steps : undefined }
}

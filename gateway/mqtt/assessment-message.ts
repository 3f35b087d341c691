import type { AssessedWindow } from '../alerts/assessed-window.js'
import { type AssessmentMessage, rfc3339 } from './messages.js'

/** As `assess --json` writes them: finer than any calibration is, and half the bytes of a float32 written as a double. */
const SIGNIFICANT_DIGITS = 6

export function assessmentMessage(gateway: string, device: string, assessed: AssessedWindow): AssessmentMessage {
  const { window, model } = assessed
  const { provider, precision } = model
  const common = {
    schema: 'urn:ecgclip:assessment:1' as const,
    device,
    gateway,
    window: window.index,
    reasons: [...window.reasons],
    signal: {
      start: rfc3339(assessed.start),
      end: rfc3339(assessed.end),
      uncertaintyMs: assessed.uncertaintyMs,
      rate: window.rate,
      firstSample: window.firstSample,
      samples: window.samples,
      missing: window.missing,
      leadsOff: [...window.leadsOff],
      quality: window.qualityScore,
    },
    model: { bundle: model.bundle, version: model.version, provider, precision },
    latencyMs: assessed.latencyMs,
  }
  if (window.quality === 'uninterpretable') return { ...common, quality: window.quality, tasks: {} }
  return { ...common, quality: window.quality, tasks: probabilitiesById(assessed) }
}

function probabilitiesById({ taskIds, probabilities }: AssessedWindow): Record<string, number> {
  if (probabilities === null) return {}
  return Object.fromEntries(
    taskIds.map((id, index) => [id, Number(probabilities[index]!.toPrecision(SIGNIFICANT_DIGITS))]),
  )
}

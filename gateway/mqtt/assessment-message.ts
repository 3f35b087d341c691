import type { AssessedWindow } from '../alerts/assessed-window.js'
import { publishedProbabilities } from '../inference/published-probabilities.js'
import { type AssessmentMessage, rfc3339 } from './messages.js'

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
      leads: { ...window.leadScores },
    },
    model: { bundle: model.bundle, version: model.version, provider, precision },
    latencyMs: assessed.latencyMs,
  }
  if (window.quality === 'uninterpretable') return { ...common, quality: window.quality, tasks: {} }
  const { probabilities, taskIds } = assessed
  const tasks = probabilities === null ? {} : publishedProbabilities(probabilities, taskIds)
  return { ...common, quality: window.quality, tasks }
}

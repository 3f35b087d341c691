import type { FindingEvidence } from '../alerts/alert.js'
import type { EvidenceFormat } from '../alerts/evidence-format.js'
import type { EvidenceWindow } from '../alerts/evidence-window.js'
import { alertObservation } from '../fhir/alert-observation.js'
import { type EvidenceMessage, rfc3339 } from './messages.js'

/** The window behind an alert as it goes to subscribers. */
export function evidenceMessage(gateway: string, window: EvidenceWindow, format: EvidenceFormat): EvidenceMessage {
  if (format !== 'int16') return alertObservation(window, { gateway, release: format === 'fhir-r4' ? 'r4' : 'r5' })
  const { alert, rate, samples, leads } = window
  const { start, end, missing, quality } = alert.signal!
  const { saliency } = alert.evidence as FindingEvidence
  return {
    schema: 'urn:ecgclip:evidence:1',
    alert: alert.id,
    key: alert.condition.key,
    device: alert.device,
    gateway,
    signal: { start: rfc3339(start), end: rfc3339(end), missing, quality },
    rate,
    samples,
    unit: 'uV',
    encoding: 'int16le;base64',
    leads: Object.fromEntries([...leads].map(([lead, counts]) => [lead, counts && base64(counts)])),
    ...(saliency && { saliency: [...saliency] }),
  }
}

function base64(counts: Int16Array): string {
  const bytes = Buffer.alloc(2 * counts.length)
  for (const [index, count] of counts.entries()) bytes.writeInt16LE(count, 2 * index)
  return bytes.toString('base64')
}

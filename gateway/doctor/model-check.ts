import { loadBundle } from '../../models/bundle/load-bundle.js'
import { overlaid } from '../../models/overlay/overlaid.js'
import { SHIPPED_BUNDLE } from '../../models/shipped-assets.js'
import type { Candidate } from '../inference/candidate.js'
import { type NotTried, providersNotTried } from '../inference/candidates.js'
import { EngineStartError } from '../inference/inference-error.js'
import { startEngine } from '../inference/start-engine.js'
import type { Check, Finding } from './check.js'

/** The bundle, every way to run it, what of that was chosen, and why the rest was not. */
export const modelCheck: Check = {
  name: 'model',
  async run({ bundle: folder = SHIPPED_BUNDLE, trust, overlay, inference }) {
    const keys = trust === undefined ? [] : [trust]
    const bundle = (await overlaid(overlay, keys))(await loadBundle(folder, keys))
    const { name, version } = bundle.manifest
    const signed: Finding = { subject: `${name} ${version}`, outcome: 'ok', detail: `signed with key ${bundle.key}` }
    try {
      const engine = await startEngine(bundle, inference)
      await engine.close()
      return [signed, ...engine.candidates.map(asFinding), ...providersNotTried(engine.candidates).map(notTried)]
    } catch (error) {
      if (!(error instanceof EngineStartError)) throw error
      const failed: Finding = { subject: 'inference', outcome: 'failed', detail: error.message }
      return [signed, failed, ...error.candidates.map(asFinding), ...providersNotTried(error.candidates).map(notTried)]
    }
  },
}

function asFinding({ variant, provider, outcome, medianMs, reason }: Candidate): Finding {
  const subject = `${variant} on ${provider}`
  if (outcome === 'refused') return { subject, outcome: 'note', detail: `refused: ${reason}` }
  const time = `${medianMs!.toPrecision(3)} ms a window`
  return outcome === 'chosen'
    ? { subject, outcome: 'ok', detail: `chosen: ${time}` }
    : { subject, outcome: 'note', detail: `passed its goldens, but is not chosen: ${time}` }
}

function notTried({ format, name, refusal, needs, get }: NotTried): Finding {
  const subject = `${format} on ${name}`
  if (refusal === undefined)
    return { subject, outcome: 'note', detail: 'not asked for: name it as inference.provider to have it tried' }
  const detail = `not here: it needs ${needs}`
  return { subject, outcome: 'note', detail, ...(get !== '' && { remedy: get }) }
}

import { join } from 'node:path'
import { type Bundle, loadBundle } from '../../models/bundle/load-bundle.js'
import { overlaid } from '../../models/overlay/overlaid.js'
import { OverlayError } from '../../models/overlay/overlay-error.js'
import { SHIPPED_BUNDLE } from '../../models/shipped-assets.js'
import { openModelStore } from '../../models/store/model-store.js'
import { startOrder } from '../../models/store/store-transitions.js'
import type { Config } from '../config/config.js'
import type { Candidate } from '../inference/candidate.js'
import { type NotTried, providersNotTried } from '../inference/candidates.js'
import { EngineStartError } from '../inference/inference-error.js'
import { startEngine } from '../inference/start-engine.js'
import type { Check, Finding } from './check.js'

/** The bundle, every way to run it, what of that was chosen, and why the rest was not. */
export const modelCheck: Check = {
  name: 'model',
  async run(config) {
    const { bundle, findings } = await bundleOf(config)
    const { name, version } = bundle.manifest
    const signed = [
      { subject: `${name} ${version}`, outcome: 'ok', detail: `signed with key ${bundle.key}` } as const,
      ...findings,
    ]
    try {
      const engine = await startEngine(bundle, config.inference)
      await engine.close()
      return [...signed, ...engine.candidates.map(asFinding), ...providersNotTried(engine.candidates).map(notTried)]
    } catch (error) {
      if (!(error instanceof EngineStartError)) throw error
      const failed: Finding = { subject: 'inference', outcome: 'failed', detail: error.message }
      return [
        ...signed,
        failed,
        ...error.candidates.map(asFinding),
        ...providersNotTried(error.candidates).map(notTried),
      ]
    }
  },
}

/** The one that the gateway would start with: the one that is named, or the best of the store, or the shipped one. */
async function bundleOf({
  bundle: named,
  data,
  trust,
  overlay,
}: Config): Promise<{ bundle: Bundle; findings: Finding[] }> {
  const keys = trust === undefined ? [] : [trust]
  const overlaidBy = await overlaid(overlay, keys)
  if (named !== undefined) return { bundle: overlaidBy(await loadBundle(named, keys)), findings: [] }
  const store = openModelStore(join(data, 'models'), keys)
  const findings: Finding[] = []
  let bundle: Bundle | null = null
  for (const slot of startOrder(store.state())) {
    const remedy = 'install it again'
    bundle ??= await store.bundleIn(slot).catch(({ message }: Error) => {
      findings.push({ subject: `slot ${slot}`, outcome: 'warning', detail: message, remedy })
      return null
    })
  }
  bundle ??= await loadBundle(SHIPPED_BUNDLE)
  try {
    return { bundle: overlaidBy(bundle), findings }
  } catch (error) {
    if (!(error instanceof OverlayError && error.code === 'OVERLAY_FOR_ANOTHER_BUNDLE')) throw error
    const detail = `the bundle runs without it: ${error.message}`
    return { bundle, findings: [...findings, { subject: 'overlay', outcome: 'warning', detail }] }
  }
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

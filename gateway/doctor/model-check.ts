import { join } from 'node:path'
import { type Bundle, loadBundle, verifyBundle } from '../../models/bundle/load-bundle.js'
import { overlaid } from '../../models/overlay/overlaid.js'
import { OverlayError } from '../../models/overlay/overlay-error.js'
import { SHIPPED_BUNDLE } from '../../models/shipped-assets.js'
import { type ModelStore, openModelStore } from '../../models/store/model-store.js'
import { startOrder } from '../../models/store/store-transitions.js'
import type { Config } from '../config/config.js'
import type { Candidate } from '../inference/candidate.js'
import { type NotTried, providersNotTried } from '../inference/candidates.js'
import { EngineStartError } from '../inference/inference-error.js'
import { startEngine } from '../inference/start-engine.js'
import type { Check, Finding } from './check.js'

/** The bundle that a gateway would run, every way to run it, what of that was chosen, and why the rest was not. */
export const modelCheck: Check = {
  name: 'model',
  async run(config) {
    const { bundle, findings } = await bundleOf(config)
    const { name, version } = bundle.manifest
    const signed: Finding = { subject: `${name} ${version}`, outcome: 'ok', detail: `signed with key ${bundle.key}` }
    const first = [signed, ...findings]
    try {
      const engine = await startEngine(bundle, config.inference)
      await engine.close()
      return [...first, ...engine.candidates.map(asFinding), ...providersNotTried(engine.candidates).map(notTried)]
    } catch (error) {
      if (!(error instanceof EngineStartError)) throw error
      const failed: Finding = { subject: 'inference', outcome: 'failed', detail: error.message }
      return [
        ...first,
        failed,
        ...error.candidates.map(asFinding),
        ...providersNotTried(error.candidates).map(notTried),
      ]
    }
  },
}

/** What the configuration names, otherwise the best of the store that is whole, otherwise the shipped one; and why none better. */
async function bundleOf({
  bundle: folder,
  trust,
  overlay: file,
  data,
}: Config): Promise<{ bundle: Bundle; findings: Finding[] }> {
  const store = openModelStore(join(data, 'models'), trust === undefined ? [] : [trust])
  const overlay = await overlaid(file, store.keys.configured)
  const findings: Finding[] = []
  if (folder !== undefined)
    return { bundle: overlay(await verifyBundle(folder, await store.keys.configured())), findings }
  const found = await installed(store, findings)
  try {
    return { bundle: overlay(found), findings }
  } catch (error) {
    if (!(error instanceof OverlayError && error.code === 'OVERLAY_FOR_ANOTHER_BUNDLE')) throw error
    const detail = `the bundle runs without it: ${error.message}`
    return { bundle: found, findings: [...findings, { subject: 'overlay', outcome: 'warning', detail }] }
  }
}

async function installed(store: ModelStore, findings: Finding[]): Promise<Bundle> {
  for (const slot of startOrder(store.state())) {
    try {
      return await store.bundleIn(slot)
    } catch (error) {
      findings.push({
        subject: 'store',
        outcome: 'warning',
        detail: (error as Error).message,
        remedy: 'install it again',
      })
    }
  }
  return loadBundle(SHIPPED_BUNDLE)
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

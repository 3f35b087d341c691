import type { Bundle } from '../../models/bundle/load-bundle.js'
import { type EngineOptions, startEngine } from '../inference/start-engine.js'

/** Runs the goldens with every variant that this machine can run; throws an `EngineStartError` when none passes. */
export async function proveBundle(bundle: Bundle, options: Pick<EngineOptions, 'variant' | 'provider'>): Promise<void> {
  const engine = await startEngine(bundle, { ...options, workers: 1 })
  await engine.close()
}

import { Millis } from '../../ecg/units.js'
import type { Inference, Order } from '../inference/inference-engine.js'
import { InferenceError, type RejectionCode } from '../inference/inference-error.js'
import type { BundleEngine } from '../inference/start-engine.js'
import type { TrialPeriod, Verdict } from './trial-period.js'

/** What speaks against the bundle, and not against the window or the load. */
const FAULTS: readonly RejectionCode[] = ['DEADLINE_EXCEEDED', 'WORKER_FAILED', 'MODEL_FAILED', 'MODEL_OUTPUT_INVALID']

export interface TrialParts {
  readonly candidate: BundleEngine
  /** What ran before and still does, if it can answer the same windows with the same tasks. */
  readonly proven: BundleEngine | null
  readonly period: TrialPeriod
  /** Host clock, ms. */
  monotonic(): Millis
  /** Called when the trial is decided, and again with a later window where that was in vain: false. */
  decided(verdict: Verdict): Promise<boolean>
}

/** An engine on trial. A window that it fails is answered by the proven one, so that a bad bundle costs no window. */
export function createTrialEngine(parts: TrialParts): BundleEngine {
  const { candidate, proven, period } = parts
  let open = true
  let closed = false

  async function decide(verdict: Verdict | null): Promise<void> {
    if (verdict === null || !open) return
    open = false
    open = !(await parts.decided(verdict)) && !closed
  }

  async function assess(signal: Float32Array, order?: Order): Promise<Inference> {
    const asked = parts.monotonic()
    try {
      const inference = await candidate.assess(signal, order)
      if (candidate.fallback !== null) void decide({ passed: false, fault: candidate.fallback })
      void decide(period.answered(Millis(parts.monotonic() - asked)))
      return inference
    } catch (error) {
      if (!(error instanceof InferenceError) || !FAULTS.includes(error.code)) throw error
      void decide({ passed: false, fault: `a window failed: ${error.message}` })
      if (proven === null) throw error
      return proven.assess(signal, order)
    }
  }

  return {
    assess,
    get model() {
      return candidate.model
    },
    get fallback() {
      return candidate.fallback
    },
    get depth() {
      return candidate.depth + (proven?.depth ?? 0)
    },
    candidates: candidate.candidates,
    get counters() {
      return candidate.counters
    },
    workers: candidate.workers,
    async close() {
      closed = true
      open = false
      await Promise.all([candidate.close(), proven?.close()])
    },
  }
}

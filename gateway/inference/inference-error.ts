import { EcgclipError } from '../../ecg/ecgclip-error.js'
import type { Candidate } from './candidate.js'

export const REJECTION_CODES = [
  'INPUT_INVALID',
  'QUEUE_OVERFLOW',
  'PASSED_OVER',
  'DEADLINE_EXCEEDED',
  'WORKER_FAILED',
  'MODEL_FAILED',
  'MODEL_OUTPUT_INVALID',
  'ENGINE_CLOSED',
] as const
export type RejectionCode = (typeof REJECTION_CODES)[number]

/** Why a window got no answer. */
export class InferenceError extends EcgclipError {
  declare readonly code: RejectionCode

  constructor(code: RejectionCode, message: string) {
    super(code, message)
  }
}

/** Why there is no engine; always a check that did not hold. */
export class EngineStartError extends EcgclipError {
  /** What was tried; empty when it did not come to that. */
  readonly candidates: readonly Candidate[]

  constructor(
    code: 'VARIANT_UNKNOWN' | 'GOLDENS_INVALID' | 'NO_VARIANT_PASSED',
    message: string,
    options: { candidates?: readonly Candidate[]; cause?: unknown } = {},
  ) {
    super(code, message, { cause: options.cause, exitCode: 3 })
    this.candidates = options.candidates ?? []
  }
}

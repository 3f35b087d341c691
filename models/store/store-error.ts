import { EcgclipError } from '../../ecg/ecgclip-error.js'

export type StoreErrorCode =
  | 'STORE_BUSY'
  | 'STORE_UNUSABLE'
  | 'STORE_FULL'
  | 'STORE_SLOT_EMPTY'
  | 'STORE_NOTHING_BEFORE'
  | 'STORE_NO_TRIAL'
  | 'BUNDLE_COUNTER_LOWER'
  | 'KEY_IN_USE'
  | 'KEY_INVALID'
  | 'KEY_REVOKED'
  | 'KEY_UNKNOWN'

/** Why the model store did not do what it was asked to; it is then as it was before. */
export class StoreError extends EcgclipError {
  constructor(code: StoreErrorCode, message: string, options: { cause?: unknown; exitCode?: 1 | 2 | 3 } = {}) {
    super(code, message, options)
  }
}

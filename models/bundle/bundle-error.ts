import { EcgclipError } from '../../ecg/ecgclip-error.js'

export type BundleErrorCode =
  | 'BUNDLE_UNREADABLE'
  | 'BUNDLE_TRUST_INVALID'
  | 'BUNDLE_SIGNATURE_MALFORMED'
  | 'BUNDLE_KEY_UNKNOWN'
  | 'BUNDLE_SIGNATURE_WRONG'
  | 'BUNDLE_MANIFEST_INVALID'
  | 'BUNDLE_TASK_REPEATED'
  | 'BUNDLE_VARIANT_REPEATED'
  | 'BUNDLE_LEADS_INCONSISTENT'
  | 'BUNDLE_RESAMPLING_INCONSISTENT'
  | 'BUNDLE_ALERT_INCONSISTENT'
  | 'BUNDLE_ALERT_WITHOUT_EVIDENCE'
  | 'BUNDLE_RULE_OUT_INCONSISTENT'
  | 'BUNDLE_FILE_UNDECLARED'
  | 'BUNDLE_GOLDENS_INCONSISTENT'
  | 'BUNDLE_HEADS_INCONSISTENT'
  | 'BUNDLE_QUALITY_INVALID'
  | 'BUNDLE_TOO_LARGE'
  | 'BUNDLE_FILE_NOT_PLAIN'
  | 'BUNDLE_FILE_MISSING'
  | 'BUNDLE_FILE_UNLISTED'
  | 'BUNDLE_FILE_CHANGED'
  | 'BUNDLE_FILE_REPEATED'
  | 'BUNDLE_ARCHIVE_INVALID'
  | 'BUNDLE_ARCHIVE_ORDER'
  | 'BUNDLE_ARCHIVE_UNSAFE'

/** A bundle that must not be used; always a check that did not hold. */
export class BundleError extends EcgclipError {
  constructor(code: BundleErrorCode, message: string, cause?: unknown) {
    super(code, message, { exitCode: 3, cause })
  }
}

import { EcgclipError } from '../../ecg/ecgclip-error.js'

/** An overlay that must not be used; always a check that did not hold. */
export class OverlayError extends EcgclipError {
  constructor(
    code: 'OVERLAY_UNREADABLE' | 'OVERLAY_INVALID' | 'OVERLAY_FOR_ANOTHER_BUNDLE' | 'OVERLAY_INCONSISTENT',
    message: string,
    cause?: unknown,
  ) {
    super(code, message, { exitCode: 3, cause })
  }
}

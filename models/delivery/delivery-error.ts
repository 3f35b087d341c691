import { EcgclipError } from '../../ecg/ecgclip-error.js'

/** Why a bundle did not get here; nothing of it is kept. */
export class DeliveryError extends EcgclipError {
  constructor(
    code: 'DELIVERY_URL_REFUSED' | 'DELIVERY_FAILED' | 'DELIVERY_TOO_LARGE' | 'DELIVERY_CHUNK_INVALID',
    message: string,
    options: { cause?: unknown; exitCode?: 1 | 2 } = {},
  ) {
    super(code, message, options)
  }
}

import { EcgclipError } from '../../ecg/ecgclip-error.js'

/** Why a gateway that runs did not take another bundle; it goes on with the one that it has. */
export class ModelError extends EcgclipError {
  constructor(code: 'MODEL_FIXED' | 'MODEL_NOT_TAKEN', message: string) {
    super(code, message, { exitCode: 2 })
  }
}

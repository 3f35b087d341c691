import { EcgclipError } from '../../ecg/ecgclip-error.js'

/** A device and a bundle that cannot be brought together: no window can ever come of it. */
export class WindowError extends EcgclipError {
  constructor(code: 'unsupported-rate' | 'bad-resampling' | 'no-lead' | 'bad-hop', message: string) {
    super(code, message, { exitCode: 2 })
  }
}

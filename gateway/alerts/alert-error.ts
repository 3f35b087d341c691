import { EcgclipError } from '../../ecg/ecgclip-error.js'

/** What somebody asked of an alert and cannot have. */
export class AlertError extends EcgclipError {
  constructor(code: 'ALERT_UNKNOWN' | 'ALERT_ACTIVE' | 'ALERT_WITHOUT_EVIDENCE', message: string) {
    super(code, message)
  }
}

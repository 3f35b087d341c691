import { EcgclipError } from '../../ecg/ecgclip-error.js'

export class BackupError extends EcgclipError {
  constructor(
    code: 'BACKUP_UNREADABLE' | 'BACKUP_DAMAGED' | 'BACKUP_IN_THE_WAY' | 'BACKUP_GATEWAY_RUNS',
    message: string,
    cause?: unknown,
  ) {
    super(code, message, { cause })
  }
}

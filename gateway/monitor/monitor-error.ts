import { EcgclipError } from '../../ecg/ecgclip-error.js'

/** The monitor's listener cannot be what the configuration asks for. */
export class MonitorError extends EcgclipError {
  constructor(
    code: 'MONITOR_EXPOSED' | 'MONITOR_TOKEN' | 'MONITOR_TLS' | 'MONITOR_PORT',
    message: string,
    cause?: unknown,
  ) {
    super(code, message, { exitCode: 2, cause })
  }
}

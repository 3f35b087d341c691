import { EcgclipError } from '../../ecg/ecgclip-error.js'

/**
 * not-found: no such file · not-a-record: something else than WFDB or EDF · data-missing: the header's data file is not there ·
 * truncated: shorter than its header says · unsupported: valid, but not read by this version · too-large: beyond what is read
 * into memory · out-of-range: values that the format to be written cannot hold · unreadable: the operating system says no ·
 * disk: it is full, gone or too slow · exists: something would be overwritten · ended: a capture that was played already.
 */
export type RecordingErrorCode =
  | 'not-found'
  | 'not-a-record'
  | 'data-missing'
  | 'truncated'
  | 'unsupported'
  | 'too-large'
  | 'out-of-range'
  | 'unreadable'
  | 'disk'
  | 'exists'
  | 'ended'

export class RecordingError extends EcgclipError {
  constructor(code: RecordingErrorCode, message: string, cause?: unknown) {
    super(code, message, { cause, exitCode: code === 'disk' ? 1 : 2 })
  }
}

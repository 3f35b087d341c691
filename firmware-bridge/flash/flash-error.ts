import { EcgclipError } from '../../ecg/ecgclip-error.js'

export type FlashErrorCode =
  /** The device answered with an error; the sentence says which. */
  | 'smp-refused'
  /** No answer in time. */
  | 'smp-silent'
  /** An answer that is not what the command's answer has to be. */
  | 'smp-malformed'
  /** The carrier went away. */
  | 'flash-link-lost'
  | 'flash-unsupported'
  | 'flash-hash-differs'
  /** The device came back with another image than the one sent. */
  | 'flash-reverted'
  | 'flash-not-streaming'
  | 'image-unreadable'
  | 'image-foreign'
  | 'image-damaged'
  | 'image-signature'
  | 'image-key'
  | 'image-downgrade'
  | 'image-too-large'

/** Checks that did not hold, as against things that failed (spec/cli.md, exit codes). */
const CHECKS: readonly FlashErrorCode[] = [
  'flash-hash-differs',
  'flash-reverted',
  'flash-not-streaming',
  'image-foreign',
  'image-damaged',
  'image-signature',
  'image-downgrade',
  'image-too-large',
]

export class FlashError extends EcgclipError {
  constructor(code: FlashErrorCode, message: string, cause?: unknown) {
    super(code, message, {
      cause,
      exitCode: CHECKS.includes(code) ? 3 : code === 'image-unreadable' || code === 'image-key' ? 2 : 1,
    })
  }
}

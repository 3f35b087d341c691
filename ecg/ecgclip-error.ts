/**
 * Root of every error that this project throws on purpose.
 *
 * `code` is stable and meant for programs (logs, `--json`, tests); `message` is one sentence for people: what is wrong and
 * what to do. `exitCode` is what the command line ends with: 1 failed, 2 bad usage or configuration, 3 a check did not hold.
 */
export class EcgclipError extends Error {
  readonly code: string
  readonly exitCode: 1 | 2 | 3

  constructor(code: string, message: string, options: { cause?: unknown; exitCode?: 1 | 2 | 3 } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.exitCode = options.exitCode ?? 1
  }
}

import { type Logger, pino, stdSerializers } from 'pino'
import type { Config } from '../config/config.js'

const STANDARD_ERROR = 2

/**
 * What no line may show, should an object that has it ever be logged (an error carries whatever its library hung on it): secrets,
 * and what was recorded of a patient.
 */
const SECRETS = ['password', 'passphrase', 'token', 'authorization', 'cookie', 'privateKey']
const RECORDED = ['subject', 'signal', 'samples', 'values', 'probabilities']
const REDACTED = [...SECRETS, ...RECORDED].flatMap(name => [name, `*.${name}`, `*.*.${name}`])
/** In a URL, `//user:password@`, also where one is part of a sentence. */
const CREDENTIALS = /\/\/[^/\s"@]*@/g

/** A log that keeps its lines to itself until it is released: a start that fails is one line, its error. */
export interface HeldLog {
  readonly log: Logger
  release(): void
}

/** Structured log lines on standard error, so that standard output stays a program's result. */
export function createLog(level: Config['log']['level'], write = standardError()): HeldLog {
  let held: string[] | null = []
  const stream = { write: (line: string) => (held === null ? write(line) : held.push(line)) }
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { error: stdSerializers.err },
    redact: REDACTED,
    hooks: { streamWrite: (line: string) => line.replaceAll(CREDENTIALS, '//[Redacted]@') },
  }
  return {
    log: pino(options, stream),
    release() {
      for (const line of held ?? []) write(line)
      held = null
    },
  }
}

function standardError(): (line: string) => void {
  const destination = pino.destination({ fd: STANDARD_ERROR, sync: false })
  return line => destination.write(line)
}

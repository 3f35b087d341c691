import { writeSync } from 'node:fs'
import { type Logger, pino, stdSerializers } from 'pino'
import type { Config } from '../config/config.js'

const STANDARD_ERROR = 2

/** A log that keeps its lines to itself until it is released: a start that fails is one line, its error. */
export interface HeldLog {
  readonly log: Logger
  release(): void
}

/** Structured log lines on standard error, so that standard output stays a program's result. */
export function createLog(level: Config['log']['level']): HeldLog {
  let held: string[] | null = []
  const destination = pino.destination({ fd: STANDARD_ERROR, sync: false })
  const stream = { write: (line: string) => (held === null ? destination.write(line) : held.push(line)) }
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { error: stdSerializers.err },
  }
  return {
    log: pino(options, stream),
    release() {
      if (held !== null) writeSync(STANDARD_ERROR, held.join(''))
      held = null
    },
  }
}

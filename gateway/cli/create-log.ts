import { type Logger, pino, stdSerializers } from 'pino'
import type { Config } from '../config/config.js'

/** Structured log lines on standard error, so that standard output stays a program's result. */
export function createLog(level: Config['log']['level']): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { error: stdSerializers.err },
  }
  return pino(options, pino.destination({ fd: 2, sync: false }))
}

import { isatty } from 'node:tty'
import { monotonicNow } from '../../firmware-bridge/transport/monotonic-now.js'
import type { ChangedKeys } from '../config/changed-keys.js'
import type { Config } from '../config/config.js'
import type { Log } from '../mqtt/log.js'
import type { ServiceManager } from './notify-socket.js'

export interface ReloadParts {
  readonly service: ServiceManager
  readonly log: Log
  /** Reads the configuration again. */
  load(): Config
  apply(next: Config): ChangedKeys
}

const STANDARD_INPUT = 0

/** Reads the configuration again at SIGHUP. One that cannot be used changes nothing, and the log says why. */
export function reloadOnHangup({ service, log, load, apply }: ReloadParts): { stop(): void } {
  const onTerminal = isatty(STANDARD_INPUT)

  function reload(): void {
    // The terminal it was started from has been closed: that is meant to end it.
    if (onTerminal && !isatty(STANDARD_INPUT)) return void process.kill(process.pid, 'SIGTERM')
    service.reloading(monotonicNow())
    try {
      const { live, restart } = apply(load())
      log.info({ applied: live }, live.length > 0 ? `reloaded: ${live.join(', ')}` : 'reloaded: nothing to apply')
      if (restart.length > 0) log.warn({ restart }, `restart needed for: ${restart.join(', ')}`)
    } catch (error) {
      log.error({}, `not reloaded, the gateway goes on as it was: ${(error as Error).message}`)
    }
    service.ready()
  }
  process.on('SIGHUP', reload)
  return { stop: () => void process.off('SIGHUP', reload) }
}

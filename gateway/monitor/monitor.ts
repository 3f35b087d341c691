import type { Clock } from '../alerts/clock.js'
import type { Config } from '../config/config.js'
import type { Log } from '../mqtt/log.js'
import { createAccess } from './access.js'
import { keepListening, type Listening } from './keep-listening.js'
import { listenerOptions } from './listener-options.js'
import { loginRoutes } from './login-routes.js'
import type { Route } from './route.js'

export interface MonitorParts {
  readonly config: Config['monitor']
  readonly clock: Clock
  readonly log: Log
}

/** The page for people who look at patients, and whatever else the gateway answers over HTTP. */
export interface Monitor {
  /** Null until it listens, and where the configuration wants no page. */
  readonly url: URL | null
  /** Serves the page and `routes` beside it. Resolves also when the port is taken: it is then tried again and again. */
  start(routes: readonly Route[]): Promise<void>
  stop(): Promise<void>
}

/** Throws a `MonitorError` when it must not listen as the configuration says. */
export function createMonitor({ config, clock, log }: MonitorParts): Monitor {
  const listener = listenerOptions(config)
  const access = createAccess({ token: listener.token, secure: listener.tls !== null, monotonic: clock.monotonic })
  let listening: Listening | null = null
  return {
    get url() {
      return listening?.url ?? null
    },
    async start(routes) {
      if (config.enabled)
        listening = await keepListening({ listener, access, log, routes: [...loginRoutes(access), ...routes] })
    },
    async stop() {
      await listening?.stop()
    },
  }
}

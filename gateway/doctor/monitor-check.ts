import { listeningRemedy } from '../monitor/keep-listening.js'
import { listenerOptions } from '../monitor/listener-options.js'
import type { Check } from './check.js'
import { portFault } from './port-fault.js'

/** Whether the monitor page can be served as the configuration wants it. */
export const monitorCheck: Check = {
  name: 'monitor',
  async run({ monitor }) {
    const subject = `${monitor.host}:${monitor.port}`
    if (!monitor.enabled) return [{ subject, outcome: 'note', detail: 'the page is switched off' }]
    const { host, port, loopback, token } = listenerOptions(monitor)
    const fault = await portFault(host, port)
    if (fault !== null)
      return [
        {
          subject,
          outcome: 'warning',
          detail:
            fault === 'EADDRINUSE'
              ? 'the port is taken, by a gateway that runs or by another program'
              : `it cannot be listened at (${fault})`,
          remedy: `${listeningRemedy(fault)}; the gateway runs without the page meanwhile`,
        },
      ]
    const whom =
      token !== null ? 'who has the token' : loopback ? 'everybody on this machine' : 'everybody who reaches it'
    return [{ subject, outcome: 'ok', detail: `the port is free; the page is shown to ${whom}` }]
  },
}

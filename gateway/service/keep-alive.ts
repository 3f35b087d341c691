import type { Log } from '../mqtt/log.js'
import type { ServiceManager } from './notify-socket.js'

/**
 * Feeds the service manager's watchdog for as long as the samples of every device become assessments. When they no longer do,
 * the watchdog is left to bite: the gateway is started anew, and nothing is lost but the open windows.
 */
export function keepAlive(service: ServiceManager, gateway: { stuck(): string[] }, log: Log): { stop(): void } {
  if (service.watchdogEvery === null) return { stop() {} }
  let before = ''
  function feed(): void {
    const stuck = gateway.stuck().join(', ')
    if (stuck === '') service.alive()
    else if (stuck !== before) log.error({ stuck }, 'samples come in and no window comes out; the watchdog is not fed')
    if (stuck !== before) service.status(stuck === '' ? 'running' : `stuck: ${stuck}`)
    before = stuck
  }
  feed()
  const timer = setInterval(feed, service.watchdogEvery)
  return { stop: () => clearInterval(timer) }
}

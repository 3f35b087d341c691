import { Command } from 'commander'
import { type ConfigOverrides, loadConfig } from '../config/load-config.js'
import { startGateway } from '../gateway.js'
import { keepAlive } from '../service/keep-alive.js'
import { connectServiceManager } from '../service/notify-socket.js'
import { reloadOnHangup } from '../service/reload-on-hangup.js'
import { createLog } from './create-log.js'
import { each, type ModelFlags, modelOptions, seconds } from './options.js'
import { packageVersion } from './package-version.js'
import { untilSignal } from './until-signal.js'

interface RunFlags extends ModelFlags {
  config?: string
  id?: string
  device?: string[]
  broker?: string
  data?: string
  hop?: number
}

/** `ecgclip run`: the gateway, until a signal ends it. */
export function runCommand(): Command {
  return modelOptions(new Command('run'))
    .description('the gateway; flags override the configuration file')
    .option('-c, --config <file>', 'configuration, YAML')
    .option('--id <name>', 'this gateway’s name in every topic')
    .option(
      '--device <uri>',
      '"auto", serial:PATH?baud=N, ble:ADDRESS, tcp:HOST:PORT or replay:RECORD; may be repeated',
      each,
    )
    .option('--broker <url>', 'mqtt://HOST:PORT, mqtts://HOST:PORT, or "embedded"')
    .option('--data <dir>', 'folder for the gateway’s state')
    .option('--hop <seconds>', 'a new 10-second window starts this often', seconds(0.5, 10))
    .action(async (flags: RunFlags) => {
      const config = loadConfig(flags.config, overrides(flags))
      const { log, release } = createLog(config.log.level)
      const service = await connectServiceManager()
      // Whoever names a device by hand wants to hear at once that it is not there; a service waits for its devices.
      const gateway = await startGateway({
        config,
        version: packageVersion(),
        log,
        failFast: flags.device !== undefined,
      })
      release()
      const { engine, messaging } = gateway
      log.info({ model: engine.model, candidates: engine.candidates }, 'model chosen')
      log.info({ gateway: config.id, session: messaging.session, broker: messaging.url.host }, 'gateway started')
      if (config.devices.length === 0)
        log.warn({}, 'no device is configured: name one with --device or in the configuration')
      const watchdog = keepAlive(service, gateway, log)
      const hangup = reloadOnHangup({
        service,
        log,
        load: () => loadConfig(flags.config, overrides(flags)),
        apply(next) {
          const changed = gateway.reload(next) // which may refuse it
          log.level = next.log.level
          return changed
        },
      })
      service.ready()
      await untilSignal()
      service.stopping()
      log.info({}, 'stopping')
      hangup.stop()
      watchdog.stop()
      await gateway.stop()
    })
}

function overrides({
  id,
  device,
  broker,
  bundle,
  trust,
  overlay,
  data,
  hop,
  provider,
  variant,
}: RunFlags): ConfigOverrides {
  return {
    ...(id !== undefined && { id }),
    ...(device !== undefined && { devices: device.map(uri => ({ uri })) }),
    ...(broker !== undefined && { broker: { url: broker } }),
    ...(bundle !== undefined && { bundle }),
    ...(trust !== undefined && { trust }),
    ...(overlay !== undefined && { overlay }),
    ...(data !== undefined && { data }),
    ...(hop !== undefined && { hopSeconds: hop }),
    ...((provider !== undefined || variant !== undefined) && {
      inference: { ...(provider !== undefined && { provider }), ...(variant !== undefined && { variant }) },
    }),
  }
}

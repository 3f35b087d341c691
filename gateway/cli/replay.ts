import { Command, InvalidArgumentError } from 'commander'
import type { DeviceCarrier, HostBytes } from '../../firmware-bridge/emulator/device-carrier.js'
import { openPseudoTerminal } from '../../firmware-bridge/emulator/pseudo-terminal.js'
import { recordingSource } from '../../firmware-bridge/emulator/recording-source.js'
import { openSerialCarrier } from '../../firmware-bridge/emulator/serial-carrier.js'
import { listenTcp } from '../../firmware-bridge/emulator/tcp-listener.js'
import { startDevice } from '../../firmware-bridge/emulator/virtual-device.js'
import { readRecording } from '../../firmware-bridge/recording/read-recording.js'
import { DEFAULT_BAUD } from '../../firmware-bridge/transport/device-uri.js'
import { number } from './options.js'
import { untilSignal } from './until-signal.js'

interface ReplayFlags {
  device: string
  to: string
  speed: number
  loop?: boolean
  id?: string
}

/** How often the end of the record is looked for, ms. */
const LOOK_FOR_END = 200
/** What was sent last may still be on its way through a cable; a host that asks for a retransmission has this long, ms. */
const LINGER = 2_000

/** `ecgclip replay`: a record on disk, as if a device sent it. */
export function replayCommand(): Command {
  return new Command('replay')
    .description('a WFDB or EDF record as if a device sent it')
    .argument('<record>', 'path of the record')
    .option('--device <protocol>', 'what the device speaks', device, 'ecg-link')
    .option('--to <place>', '"pty", tcp:HOST:PORT to listen on, or the path of a serial port', 'pty')
    .option('--speed <factor>', 'this many times faster than it was recorded', number(0.01, 1000), 1)
    .option('--loop', 'begin again at the end')
    .option('--id <name>', 'the device’s id; the record’s name by default')
    .action(async (path: string, flags: ReplayFlags) => {
      const { recording } = await readRecording(path)
      const { speed, loop = false, id = recording.name } = flags
      const source = recordingSource(recording, { loop })
      const device = await startDevice({ source, speed, id }, received => carrierTo(flags.to, received))
      // The first line on standard output is where a host finds the device: scripts read it.
      process.stdout.write(`${device.carrier.uri.replace(/^serial:/, '').replace(/\?.*$/, '')}\n`)
      const ended = new AbortController()
      const timer = setInterval(() => device.session.ended && ended.abort(), LOOK_FOR_END)
      const signalled = await untilSignal(ended.signal)
      clearInterval(timer)
      if (!signalled) await untilSignal(AbortSignal.timeout(LINGER))
      await device.stop()
    })
}

function carrierTo(place: string, received: HostBytes): DeviceCarrier | Promise<DeviceCarrier> {
  if (place === 'pty') return openPseudoTerminal(received)
  const [, host, port] = /^tcp:(.+):(\d+)$/.exec(place) ?? []
  if (host !== undefined && port !== undefined) return listenTcp(host, Number(port), received)
  return openSerialCarrier(place.replace(/^serial:/, ''), DEFAULT_BAUD, received)
}

function device(protocol: string): string {
  if (protocol !== 'ecg-link') throw new InvalidArgumentError('There is ecg-link.')
  return protocol
}

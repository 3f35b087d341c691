import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { EcgclipError } from '../../ecg/ecgclip-error.js'
import type { DeviceCarrier, HostBytes } from '../../firmware-bridge/emulator/device-carrier.js'
import { playCapture } from '../../firmware-bridge/emulator/played-capture.js'
import { openPseudoTerminal } from '../../firmware-bridge/emulator/pseudo-terminal.js'
import { recordingSource } from '../../firmware-bridge/emulator/recording-source.js'
import { openSerialCarrier } from '../../firmware-bridge/emulator/serial-carrier.js'
import { listenTcp } from '../../firmware-bridge/emulator/tcp-listener.js'
import { startDevice } from '../../firmware-bridge/emulator/virtual-device.js'
import { isCapturePath, readCapture } from '../../firmware-bridge/recording/read-capture.js'
import { readRecording } from '../../firmware-bridge/recording/read-recording.js'
import { DEFAULT_BAUD, DEFAULT_DRIVER } from '../../firmware-bridge/transport/device-uri.js'
import { loadConfig } from '../config/load-config.js'
import { createLog } from './create-log.js'
import { number } from './options.js'
import { packageVersion } from './package-version.js'
import { untilSignal } from './until-signal.js'

interface ReplayFlags {
  device: string
  to: string
  speed: number
  loop?: boolean
  id?: string
}

/** What is on disk, playing. */
interface Playing {
  readonly carrier: DeviceCarrier
  readonly driver: string
  ended(): boolean
  stop(): Promise<void>
}

/** How often the end of the record is looked for, ms. */
const LOOK_FOR_END = 200
/** What was sent last may still be on its way through a cable; a host that asks for a retransmission has this long, ms. */
const LINGER = 2_000
/** A broker is reached by a gateway of its own, which finds the device here, at a port that is free. */
const LOOPBACK = 'tcp:127.0.0.1:0'

/** `ecgclip replay`: a record or a capture on disk, as if a device sent it. */
export function replayCommand(): Command {
  return new Command('replay')
    .description('a WFDB or EDF record, or a capture, as if a device sent it')
    .argument('<record>', 'path of the record or capture')
    .option(
      '--device <protocol>',
      'what the device speaks; a capture speaks what it was captured from',
      device,
      'ecg-link',
    )
    .option(
      '--to <place>',
      '"pty", tcp:HOST:PORT to listen on, the path of a serial port, or mqtt://HOST:PORT to publish what a gateway finds in it',
      'pty',
    )
    .option('--speed <factor>', 'this many times faster than it was recorded', number(0.01, 1000), 1)
    .option('--loop', 'begin a record again at its end')
    .option('--id <name>', 'the device’s id, where a record is played; the record’s name by default')
    .action(async (path: string, flags: ReplayFlags) => {
      const broker = /^mqtts?:/.test(flags.to) ? flags.to : undefined
      const playing = await play(path, flags, broker === undefined ? flags.to : LOOPBACK)
      try {
        if (broker !== undefined) return await publish(playing, broker)
        // The first line on standard output is where a host finds the device: scripts read it.
        process.stdout.write(`${playing.carrier.uri.replace(/^serial:/, '').replace(/\?.*$/, '')}\n`)
        await untilPlayed(playing)
      } finally {
        await playing.stop()
      }
    })
}

async function play(path: string, flags: ReplayFlags, to: string): Promise<Playing> {
  const { speed, loop = false } = flags
  const carrierTo = (received: HostBytes) => openCarrier(to, received)
  if (isCapturePath(path)) {
    const capture = await readCapture(path)
    const { driver } = capture.header
    const device = await playCapture(capture, speed, carrierTo)
    if (capture.unread > 0) note(`The last ${capture.unread} bytes of ${path} are damaged or incomplete and left out.`)
    return { carrier: device.carrier, driver, ended: () => device.ended, stop: device.stop }
  }
  const { recording, notes } = await readRecording(path)
  for (const sentence of notes) note(sentence)
  const source = recordingSource(recording, { loop })
  const device = await startDevice({ source, speed, id: flags.id ?? recording.name }, carrierTo)
  return { carrier: device.carrier, driver: DEFAULT_DRIVER, ended: () => device.session.ended, stop: device.stop }
}

/** A whole gateway, without memory of earlier runs, on this one device. */
async function publish(playing: Playing, broker: string): Promise<void> {
  const data = await mkdtemp(join(tmpdir(), 'ecgclip-replay-'))
  const { log, release } = createLog('warn')
  const { startGateway } = await import('../gateway.js') // a second's work that no other destination needs
  try {
    const devices = [{ uri: `${playing.carrier.uri}?driver=${playing.driver}` }]
    const config = loadConfig(undefined, {
      id: 'replay',
      devices,
      broker: { url: broker },
      monitor: { enabled: false },
      data,
    })
    let published = 0
    const delivered = () => {
      published++
    }
    const gateway = await startGateway({ config, version: packageVersion(), log, failFast: true, delivered })
    release()
    await untilPlayed(playing)
    await gateway.stop()
    if (published === 0) throw new EcgclipError('NOTHING_PUBLISHED', `Nothing reached ${broker}: see that it runs.`)
    process.stdout.write(`${published} assessments published\n`)
  } finally {
    await rm(data, { recursive: true, force: true })
  }
}

function note(sentence: string) {
  process.stderr.write(`ecgclip: ${sentence}\n`)
}

async function untilPlayed(playing: Playing): Promise<void> {
  const ended = new AbortController()
  const timer = setInterval(() => playing.ended() && ended.abort(), LOOK_FOR_END)
  const signalled = await untilSignal(ended.signal)
  clearInterval(timer)
  if (!signalled) await untilSignal(AbortSignal.timeout(LINGER))
}

function openCarrier(place: string, received: HostBytes): DeviceCarrier | Promise<DeviceCarrier> {
  if (place === 'pty') return openPseudoTerminal(received)
  const [, host, port] = /^tcp:(.+):(\d+)$/.exec(place) ?? []
  if (host !== undefined && port !== undefined) return listenTcp(host, Number(port), received)
  return openSerialCarrier(place.replace(/^serial:/, ''), DEFAULT_BAUD, received)
}

function device(protocol: string): string {
  if (protocol !== 'ecg-link') throw new InvalidArgumentError('There is ecg-link.')
  return protocol
}

import type { Capture } from '../recording/read-capture.js'
import { RecordingError } from '../recording/recording-error.js'
import { DEFAULT_DRIVER } from '../transport/device-uri.js'
import { monotonicNow } from '../transport/monotonic-now.js'
import { createCapturePlayer } from './capture-player.js'
import type { DeviceCarrier, HostBytes } from './device-carrier.js'

/** How often it looks for what is due, ms: the resolution of Node's timers would be 1. */
export const CAPTURE_TICK = 2

/** A captured device that runs by itself, in real time, on a carrier that a host can open. */
export interface PlayedCapture<Carrier extends DeviceCarrier = DeviceCarrier> {
  readonly carrier: Carrier
  readonly ended: boolean
  stop(): Promise<void>
}

export async function playCapture<Carrier extends DeviceCarrier>(
  capture: Capture,
  speed: number,
  openCarrier: (received: HostBytes) => Carrier | Promise<Carrier>,
): Promise<PlayedCapture<Carrier>> {
  const { driver } = capture.header
  refuseSilent(capture)
  if (capture.notified && driver !== DEFAULT_DRIVER)
    throw new RecordingError(
      'unsupported',
      `This capture of a ${driver} holds notifications, which no cable carries: play it into a gateway, with --device 'replay:FILE?driver=${driver}'.`,
    )
  const carrier = await openCarrier(bytes => player.host(bytes))
  const player = createCapturePlayer({ entries: capture.entries(), driver, speed }, carrier.write)
  const timer = setInterval(() => player.tick(monotonicNow(), carrier.present(), carrier.ready), CAPTURE_TICK)
  return {
    carrier,
    get ended() {
      return player.ended
    },
    async stop() {
      clearInterval(timer)
      await carrier.close()
    },
  }
}

/** Nothing to play would look like a device that does not answer. */
export function refuseSilent({ spoken, header }: Capture) {
  if (spoken) return
  throw new RecordingError(
    'truncated',
    `This capture of ${header.uri} holds nothing that the device sent: capture it again, until it streams.`,
  )
}

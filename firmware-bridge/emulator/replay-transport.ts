import { isCapturePath, readCapture } from '../recording/read-capture.js'
import { readRecording } from '../recording/read-recording.js'
import { RecordingError } from '../recording/recording-error.js'
import { DEFAULT_DRIVER } from '../transport/device-uri.js'
import type { GattCarrier, GattListener } from '../transport/gatt.js'
import { monotonicNow } from '../transport/monotonic-now.js'
import type { Transport, TransportListener } from '../transport/transport.js'
import { type CapturePlayer, createCapturePlayer } from './capture-player.js'
import { CAPTURE_TICK, refuseSilent } from './played-capture.js'
import { recordingSource } from './recording-source.js'
import { startDevice, type VirtualDevice } from './virtual-device.js'

/**
 * What is on disk as a carrier, in real time. Everything above the carrier is what a cable would go through. Opening rejects
 * with a `RecordingError` for what cannot be read or is not played so.
 */
export function createReplayTransport(path: string, driver: string): GattCarrier {
  return isCapturePath(path) ? captureTransport(path, driver) : recordTransport(path, driver)
}

/**
 * Every opening powers up a virtual ECG Link device that plays the record once; at its end the host finds it silent and powers
 * it up again.
 */
function recordTransport(path: string, driver: string): Transport {
  let device: VirtualDevice | undefined
  let toDevice: ((bytes: Uint8Array) => void) | undefined
  let opens = 0

  async function open(listener: TransportListener) {
    const generation = ++opens
    if (driver !== DEFAULT_DRIVER)
      throw new RecordingError('unsupported', `${path} is played as ${DEFAULT_DRIVER} only: leave out ?driver=.`)
    const { recording } = await readRecording(path)
    if (generation !== opens) return // closed meanwhile
    device = await startDevice({ source: recordingSource(recording), id: recording.name }, received => {
      toDevice = bytes => received(bytes, monotonicNow())
      return {
        uri: `replay:${path}`,
        // Later, as a cable would: a device that answers inside the call that asked it would surprise both sessions.
        write: bytes => setImmediate(() => toDevice && listener.bytes(bytes, monotonicNow())),
        ready: () => true,
        present: () => true,
        close: async () => {},
      }
    })
  }

  async function close() {
    opens++
    toDevice = undefined
    await device?.stop()
    device = undefined
  }

  return { open, write: bytes => toDevice?.(bytes.slice()), close }
}

/** The capture is played once; it rests while the carrier is closed, and after its end the device is gone for good. */
function captureTransport(path: string, driver: string): GattCarrier {
  let player: CapturePlayer | undefined
  let address: string | undefined
  let ending = `The capture ${path} was played to its end`
  let timer: NodeJS.Timeout | undefined
  let opens = 0
  let deliver: (bytes: Uint8Array, characteristic?: string) => void = () => {}

  async function load(): Promise<CapturePlayer> {
    const capture = await readCapture(path)
    const { header, entries } = capture
    address = capture.address
    refuseSilent(capture)
    if (capture.unread > 0) ending += `; its last ${capture.unread} bytes are damaged or incomplete`
    if (header.driver !== driver)
      throw new RecordingError('unsupported', `${path} was captured from another device: add ?driver=${header.driver}.`)
    return createCapturePlayer({ entries: entries(), driver, speed: 1 }, (...piece) => deliver(...piece))
  }

  async function open(listener: GattListener) {
    const generation = ++opens
    player ??= await load()
    if (generation !== opens) return // closed meanwhile
    const playing = player
    if (playing.ended) throw new RecordingError('ended', `${ending}.`)
    deliver = (bytes, characteristic) => listener.bytes(bytes, monotonicNow(), characteristic)
    timer = setInterval(() => {
      playing.tick(monotonicNow(), true)
      if (!playing.ended) return
      clearInterval(timer)
      listener.closed(ending)
    }, CAPTURE_TICK)
  }

  async function close() {
    opens++
    clearInterval(timer)
    player?.rest()
  }

  return { open, write: bytes => player?.host(bytes), close, address: () => address }
}

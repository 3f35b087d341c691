import { readRecording } from '../recording/read-recording.js'
import { monotonicNow } from '../transport/monotonic-now.js'
import type { Transport, TransportListener } from '../transport/transport.js'
import { recordingSource } from './recording-source.js'
import { startDevice, type VirtualDevice } from './virtual-device.js'

/**
 * A record as a carrier: every opening powers up a virtual ECG Link device that plays it once, in real time; at its end the
 * host finds it silent and powers it up again. Everything
 * above the carrier is what a cable would go through. Rejects with a `RecordingError` for what cannot be read.
 */
export function createReplayTransport(record: string): Transport {
  let device: VirtualDevice | undefined
  let toDevice: ((bytes: Uint8Array) => void) | undefined

  async function open(listener: TransportListener) {
    const { recording } = await readRecording(record)
    device = await startDevice({ source: recordingSource(recording), id: recording.name }, received => {
      toDevice = bytes => received(bytes, monotonicNow())
      return {
        uri: `replay:${record}`,
        // Later, as a cable would: a device that answers inside the call that asked it would surprise both sessions.
        write: bytes => setImmediate(() => toDevice && listener.bytes(bytes, monotonicNow())),
        ready: () => true,
        close: async () => {},
      }
    })
  }

  async function close() {
    toDevice = undefined
    await device?.stop()
    device = undefined
  }

  return { open, write: bytes => toDevice?.(bytes.slice()), close }
}

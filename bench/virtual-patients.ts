import { recordingSource } from '../firmware-bridge/emulator/recording-source.js'
import type { SampleSource } from '../firmware-bridge/emulator/sample-source.js'
import { startDeviceOnPty } from '../firmware-bridge/emulator/virtual-device.js'
import { readRecording } from '../firmware-bridge/recording/read-recording.js'
import { startEmbeddedBroker } from '../gateway/mqtt/embedded-broker.js'
import { SHIPPED_DEMO_RECORDING } from '../models/shipped-assets.js'

/**
 * A process of its own, so that neither the devices nor the broker count as the gateway's time or memory: as many patients on
 * pseudo-terminals as the argument says, each somewhere else in the demo recording, and a broker.
 * Tells its parent `{devices: [path …], port}`, and ends with it.
 */
const patients = Number(process.argv[2])
const { recording } = await readRecording(SHIPPED_DEMO_RECORDING)
const source = recordingSource(recording, { loop: true })
const devices = await Promise.all(
  Array.from({ length: patients }, (_, patient) =>
    startDeviceOnPty({
      source: later(source, Math.floor((patient * recording.samples) / patients)),
      id: `patient-${patient}`,
    }),
  ),
)
const broker = await startEmbeddedBroker(0)
process.send?.({ devices: devices.map(({ carrier }) => carrier.path), port: broker.port })
process.on('disconnect', () => process.exit())

function later(source: SampleSource, by: number): SampleSource {
  return { ...source, read: (first, count, values) => source.read(first + by, count, values) }
}

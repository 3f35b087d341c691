import { UnixMillis } from '../../ecg/units.js'
import { openDevice } from '../../firmware-bridge/devices/open-device.js'
import { createDeviceRecorder, type DeviceRecorder } from '../../firmware-bridge/recording/device-recorder.js'
import { DEFAULT_DRIVER } from '../../firmware-bridge/transport/device-uri.js'
import { monotonicNow } from '../../firmware-bridge/transport/monotonic-now.js'
import { until } from './listen.js'

/** Records a device until a record has so many samples, or the device has come and gone. */
export async function recordDevice(
  uri: string,
  folder: string,
  name: string,
  samples: number,
  driver = DEFAULT_DRIVER,
): Promise<DeviceRecorder> {
  let failure: Error | undefined
  const recorder = createDeviceRecorder({
    folder,
    name,
    uri,
    driver,
    timeOf: sample => device.timeOf(sample),
    monotonic: monotonicNow,
    utc: () => UnixMillis(Date.now()),
    failed(error) {
      failure = error
    },
  })
  const device = openDevice(uri, recorder.tap)
  device.start(recorder.listener)
  await until(
    () =>
      failure !== undefined ||
      (recorder.records.at(-1)?.samples ?? 0) >= samples ||
      (recorder.records.length > 0 && recorder.state.state === 'lost'),
  )
  await device.stop()
  await recorder.close()
  if (failure) throw failure
  return recorder
}

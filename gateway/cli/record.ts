import { mkdir } from 'node:fs/promises'
import { Command, InvalidArgumentError } from 'commander'
import { EcgclipError } from '../../ecg/ecgclip-error.js'
import { UnixMillis } from '../../ecg/units.js'
import { openDevice } from '../../firmware-bridge/devices/open-device.js'
import { createDeviceRecorder, type DeviceRecorder } from '../../firmware-bridge/recording/device-recorder.js'
import { diskError } from '../../firmware-bridge/recording/disk-queue.js'
import { DEFAULT_DRIVER } from '../../firmware-bridge/transport/device-uri.js'
import { monotonicNow } from '../../firmware-bridge/transport/monotonic-now.js'
import { number } from './options.js'
import { untilSignal } from './until-signal.js'

interface RecordFlags {
  output: string
  device: string
  name?: string
  duration?: number
  json?: boolean
}

/** How often it looks whether the time is over, and tells a terminal how far it is, ms. */
const LOOK = 100

/** `ecgclip record`: what a device sends, to WFDB and to a byte-exact capture, until a signal or for a time. */
export function recordCommand(): Command {
  return new Command('record')
    .description('what a device sends, to WFDB, byte-exact capture beside it')
    .requiredOption('-o, --output <dir>', 'folder for the files')
    .requiredOption(
      '--device <uri>',
      '"auto", serial:PATH?baud=N, serial:usb-SERIAL, ble:ADDRESS, tcp:HOST:PORT or replay:RECORD',
    )
    .option('--name <name>', 'of the files; the time by default', name)
    .option('--duration <seconds>', 'ends so long after the first sample', number(0.1, 1e7))
    .option('--json', 'the result as one JSON object')
    .action(async (flags: RecordFlags) => {
      const { output, device: uri, duration = Number.POSITIVE_INFINITY } = flags
      await mkdir(output, { recursive: true }).catch(error => {
        throw diskError(output, error)
      })
      const ended = new AbortController()
      let failure: Error | undefined
      const recorder = createDeviceRecorder({
        folder: output,
        name: flags.name ?? `ecg_${new Date().toISOString().replaceAll(/[-:]|\..*/g, '')}Z`,
        uri,
        driver: new URLSearchParams(/\?(.*)$/.exec(uri)?.[1]).get('driver') ?? DEFAULT_DRIVER,
        timeOf: sample => device.timeOf(sample),
        monotonic: monotonicNow,
        utc: () => UnixMillis(Date.now()),
        failed(error) {
          failure = error
          ended.abort()
        },
      })
      const device = openDevice(uri, recorder.tap)
      device.start(recorder.listener)
      device.firstOpen.catch((error: Error) => {
        failure = error
        ended.abort()
      })
      let firstSample: number | undefined
      const timer = setInterval(() => {
        if (recorder.records.length > 0) firstSample ??= performance.now()
        if (firstSample !== undefined && performance.now() - firstSample >= duration * 1000) ended.abort()
        if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${progress(recorder)}`)
      }, LOOK)
      await untilSignal(ended.signal)
      clearInterval(timer)
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
      await device.stop()
      await recorder.close()
      if (failure) throw failure
      if (recorder.records.length === 0)
        throw new EcgclipError('NOTHING_RECORDED', `No sample came from ${uri}: ${recorder.state.reason}`)
      const { records, capture } = recorder
      process.stdout.write(flags.json ? `${JSON.stringify({ records, capture })}\n` : summary(recorder))
    })
}

function progress({ records, state }: DeviceRecorder): string {
  const now = records.at(-1)
  return now ? `${state.state}: ${now.samples} samples, ${now.missing} missing` : `${state.state}: ${state.reason}`
}

function summary({ records, capture }: DeviceRecorder): string {
  const lines = records.map(({ record, samples, missing, format, clipped, early }) =>
    [
      `${record}: ${samples} samples, ${missing} missing, format ${format}`,
      ...(clipped > 0 ? [`${clipped} values clipped to 24 bits`] : []),
      ...(early > 0 ? [`${early} samples came too late to be placed`] : []),
    ].join(', '),
  )
  const omitted = capture.omitted > 0 ? `, full: ${capture.omitted} entries omitted` : ''
  return `${[...lines, `${capture.path}: ${capture.bytes} bytes${omitted}`].join('\n')}\n`
}

function name(text: string): string {
  if (!/^[\w-]+$/.test(text)) throw new InvalidArgumentError('It must be letters, digits, "_" and "-".')
  return text
}

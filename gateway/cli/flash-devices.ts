import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { EcgclipError } from '../../ecg/ecgclip-error.js'
import type { FlashDevice } from '../../firmware-bridge/flash/flash-device.js'
import { openFlashDevice } from '../../firmware-bridge/flash/open-flash-device.js'
import type { FlashListener } from '../../firmware-bridge/flash/upgrade-device.js'
import { TransportError } from '../../firmware-bridge/transport/transport-error.js'
import { loadConfig } from '../config/load-config.js'
import { borrowDevice, type Loan } from '../lending/borrow-device.js'
import { createFlashProgress } from './flash-progress.js'
import { each } from './options.js'

export interface DeviceFlags {
  device?: string[]
  devices?: string
  config?: string
  data?: string
  json?: boolean
  console?: boolean
}

export function deviceOptions(command: Command): Command {
  return command
    .option(
      '--device <uri>',
      'serial:PATH?baud=N, tcp:HOST:PORT or ble:ADDRESS; ?driver=smp skips the search for ECG Link; repeatable',
      each,
    )
    .option('--devices <file>', 'a file of such URIs, one a line; # begins a comment')
    .option('-c, --config <file>', 'configuration of the gateway that may be using the device: it lends it')
    .option('--data <dir>', 'folder of that gateway’s state')
    .option('--console', 'show what the device says to people on the same line')
    .option('--json', 'one line of JSON a device')
}

/** What is done with one device; what it returns is printed. */
export interface DeviceWork<Result extends object> {
  run(device: FlashDevice, listener: FlashListener): Promise<Result>
  asText(result: Result): string
}

/** Does the work with all devices at once. What fails with one does not stop the others; the exit code is the first failure's. */
export async function withDevices<Result extends object>(flags: DeviceFlags, work: DeviceWork<Result>): Promise<void> {
  const uris = urisOf(flags)
  const { data } = loadConfig(flags.config, flags.data === undefined ? {} : { data: flags.data })
  const progress = createFlashProgress(uris, flags.json ?? false)
  const outcomes = await Promise.all(uris.map(uri => attempt(uri)))
  progress.stop()
  for (const { uri, result, error } of outcomes) {
    if (flags.json)
      process.stdout.write(
        `${JSON.stringify({ device: uri, ...(result ?? { error: { code: codeOf(error), message: error?.message } }) })}\n`,
      )
    else if (result) process.stdout.write(`${uris.length > 1 ? `${uri}:\n` : ''}${work.asText(result)}`)
  }
  const failed = outcomes.filter(({ error }) => error !== undefined)
  if (failed.length === 0) return
  if (uris.length === 1) throw failed[0]!.error
  for (const { uri, error } of failed) process.stderr.write(`ecgclip: ${uri}: ${error?.message}\n`)
  const first = failed[0]!.error
  throw new EcgclipError('FLASH_FAILED', `${failed.length} of ${uris.length} devices failed`, {
    exitCode: first instanceof EcgclipError ? first.exitCode : 1,
  })

  async function attempt(uri: string): Promise<{ uri: string; result?: Result; error?: Error }> {
    const listener = progress.listenFor(uri)
    let device: FlashDevice | undefined
    let loan: Loan | undefined
    try {
      loan = await borrowDevice(data, uri)
      device = await openFlashDevice(uri, flags.console ? line => listener.note(line) : undefined)
      return { uri, result: await work.run(device, listener) }
    } catch (error) {
      return { uri, error: withAdvice(error as Error) }
    } finally {
      await device?.close()
      loan?.giveBack()
    }
  }
}

/** A gateway whose folder is not known cannot be asked. */
function withAdvice(error: Error): Error {
  if (!(error instanceof TransportError && error.code === 'port-busy')) return error
  const advice = 'if it is a gateway, give -c or --data as to that gateway, as its user, and it lends the device'
  return new TransportError('port-busy', `${error.message}; ${advice}`, error)
}

function urisOf({ device = [], devices }: DeviceFlags): string[] {
  const uris = [...new Set([...device, ...(devices ? listIn(devices) : [])])]
  if (uris.length > 0) return uris
  throw new EcgclipError(
    'NO_DEVICE',
    'No device was named: give --device (ecgclip devices shows what is plugged in) or --devices FILE',
    {
      exitCode: 2,
    },
  )
}

function listIn(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .map(line => line.replace(/(^|\s)#.*$/, '').trim())
      .filter(line => line !== '')
  } catch (error) {
    throw new EcgclipError('DEVICE_LIST_UNREADABLE', `${path} cannot be read: ${(error as Error).message}`, {
      exitCode: 2,
    })
  }
}

function codeOf(error: unknown): string {
  return error instanceof EcgclipError ? error.code : 'INTERNAL'
}

import { setTimeout as sleep } from 'node:timers/promises'
import type { Characteristic, Noble, Peripheral } from '@stoprocent/noble'
import type { Microseconds } from '../../ecg/units.js'
import { monotonicNow } from '../transport/monotonic-now.js'
import { TransportError } from '../transport/transport-error.js'
import { ANY_DEVICE, type OpenLink } from './adapter-messages.js'
import type { PeripheralFinder } from './peripheral-finder.js'
import { within } from './within.js'

// How long each step may take, ms.
/** Devices advertise at least once a second; a scanner misses some. */
const HEAR_WITHIN = 5_000
const CONNECT_WITHIN = 3_000
/** A cancelled attempt is acknowledged by the adapter, or stands in the way of every later one. */
const CANCEL_WITHIN = 1_000
const ANSWER_WITHIN = 5_000
/** More than the supervision timeout, after which a connection has ended anyway. */
const END_WITHIN = 3_000
/** What was written before `close`, e.g. STOP, leaves within a few connection intervals. */
const LAST_WORDS = 100
/** Also finds out soon that the adapter was reset (watch-hci.ts). */
const MEASURE_EVERY = 1_000
/** "Not available" (Bluetooth Core, Vol 4, Part E, 7.5.4), dBm. */
const NO_RSSI = 127

/**
 * What is asked of a connection. An MTU for the longest value that an attribute may have, 512 bytes; an interval of 7.5 to
 * 15 ms (in 1.25 ms), so that 8 × 24 bit × 500 Hz pass with one notification in each; nothing heard for 1 s is a lost link
 * (in 10 ms; noble's own 420 ms breaks the links of people who turn round).
 */
const CONNECTION = { mtu: 517, minInterval: 6, maxInterval: 12, latency: 0, timeout: 100 }
/** Bytes of a write before its value. */
const ATT_HEADER = 3

export interface PeripheralLink {
  readonly address: string
  readonly mtu: number | undefined
  write(characteristic: string, value: Uint8Array, acknowledged: boolean): void
  /** Followed by no output. */
  close(): Promise<void>
}

export interface PeripheralLinkOutput {
  received(characteristic: string, value: Uint8Array, arrived: Microseconds): void
  /** dBm. */
  measured(rssi: number): void
  closed(reason: string): void
  /** The adapter does not do as it is told. */
  failed(reason: string): void
}

/** Looks for the device, connects and subscribes; rejects with a `TransportError`, or as the signal says. */
export async function openPeripheral(
  noble: Noble,
  finder: PeripheralFinder,
  request: OpenLink,
  signal: AbortSignal,
  output: PeripheralLinkOutput,
): Promise<PeripheralLink> {
  const peripheral = await finder.find(heard => fits(heard, request), HEAR_WITHIN, signal)
  if (!peripheral) throw notHeard(request)
  await finder.quietly(() => connect(noble, peripheral, signal, output.failed))
  try {
    const characteristics = await discover(peripheral, request)
    const link = attach(peripheral, characteristics, request, output)
    try {
      for (const uuid of request.notify)
        await answered(peripheral, characteristics.get(nobleUuid(uuid))!.subscribeAsync())
      signal.throwIfAborted()
      return link
    } catch (error) {
      link.detach()
      throw error
    }
  } catch (error) {
    await disconnect(peripheral, output.failed)
    throw error instanceof TransportError || signal.aborted ? error : notConnected(peripheral, error)
  }
}

function fits(peripheral: Peripheral, { device, service }: OpenLink): boolean {
  if (peripheral.state === 'connected' || peripheral.state === 'connecting') return false
  if (device === ANY_DEVICE) return peripheral.advertisement.serviceUuids.includes(nobleUuid(service))
  return peripheral.address.toLowerCase() === device.toLowerCase() || peripheral.advertisement.localName === device
}

async function connect(noble: Noble, peripheral: Peripheral, signal: AbortSignal, failed: (reason: string) => void) {
  signal.throwIfAborted()
  try {
    // The declarations leave out what the code takes.
    const connecting = (peripheral.connectAsync as (options: typeof CONNECTION) => Promise<void>).call(
      peripheral,
      CONNECTION,
    )
    await within(CONNECT_WITHIN, connecting, () => new Error('no answer'))
  } catch (error) {
    if (peripheral.state === 'connecting') {
      peripheral.cancelConnect()
      await sleep(CANCEL_WITHIN)
      if (attemptPending(noble)) failed('the Bluetooth adapter does not end an attempt to connect')
    }
    throw notConnected(peripheral, error)
  }
}

/** Noble has no public word for it, and never begins another attempt while one is pending. */
function attemptPending(noble: Noble): boolean {
  const { _bindings } = noble as unknown as { _bindings?: { _pendingConnectionUuid?: string | null } }
  return Boolean(_bindings?._pendingConnectionUuid)
}

/** Anew for each connection: listeners of an earlier one hang on objects that noble has forgotten. */
async function discover(peripheral: Peripheral, { service, notify }: OpenLink): Promise<Map<string, Characteristic>> {
  const missing = (what: string) =>
    new TransportError('ble-service-missing', `${called(peripheral)} has no ${what}: choose the driver that fits it`)
  const [found] = await answered(peripheral, peripheral.discoverServicesAsync([nobleUuid(service)]))
  if (!found) throw missing(`service ${service}`)
  const characteristics = await answered(peripheral, found.discoverCharacteristicsAsync([]))
  const byUuid = new Map(characteristics.map(characteristic => [characteristic.uuid, characteristic]))
  for (const uuid of notify) if (!byUuid.has(nobleUuid(uuid))) throw missing(`characteristic ${uuid}`)
  return byUuid
}

function attach(
  peripheral: Peripheral,
  characteristics: Map<string, Characteristic>,
  request: OpenLink,
  output: PeripheralLinkOutput,
): PeripheralLink & { detach(): void } {
  /** The MTU was agreed upon before the services were told. */
  const mtu = peripheral.mtu === null ? undefined : Math.min(peripheral.mtu, CONNECTION.mtu)
  let attached = true
  let measuring = false
  const timer = setInterval(measure, MEASURE_EVERY)
  measure()
  peripheral.on('disconnect', onDisconnect)
  for (const uuid of request.notify) {
    characteristics.get(nobleUuid(uuid))!.on('data', (value, isNotification) => {
      if (isNotification && attached) output.received(uuid, value, monotonicNow())
    })
  }

  function onDisconnect(reason: number | string) {
    detach()
    output.closed(describe(reason))
  }

  function detach() {
    attached = false
    clearInterval(timer)
    peripheral.removeListener('disconnect', onDisconnect)
  }

  function measure() {
    if (measuring) return
    measuring = true
    peripheral.updateRssiAsync().then(
      rssi => {
        measuring = false
        if (attached && rssi !== NO_RSSI) output.measured(rssi)
      },
      () => {}, // disconnected
    )
  }

  function write(uuid: string, value: Uint8Array, acknowledged: boolean) {
    const characteristic = characteristics.get(nobleUuid(uuid))
    if (!characteristic || !attached) return
    const can = characteristic.properties
    const alone = can.includes('writeWithoutResponse') && !(acknowledged && can.includes('write'))
    if (alone && mtu !== undefined && value.length > mtu - ATT_HEADER) return
    characteristic.write(Buffer.from(value.buffer, value.byteOffset, value.length), alone)
  }

  async function close() {
    await sleep(LAST_WORDS)
    const wasAttached = attached
    detach()
    if (wasAttached) await disconnect(peripheral, output.failed)
  }

  return { address: peripheral.address, mtu, write, close, detach }
}

async function disconnect(peripheral: Peripheral, failed: (reason: string) => void) {
  if (peripheral.state !== 'connected') return
  const ending = peripheral.disconnectAsync()
  await within(END_WITHIN, ending, () => new Error('no answer')).catch(() =>
    failed('the Bluetooth adapter does not answer: its connections are given up'),
  )
}

/** Noble never ends a request whose link is lost meanwhile. */
async function answered<T>(peripheral: Peripheral, work: Promise<T>): Promise<T> {
  let onDisconnect = (_reason: number | string) => {}
  const lost = new Promise<never>((_, reject) => {
    onDisconnect = reason => reject(new Error(describe(reason)))
    if (peripheral.state === 'connected') peripheral.once('disconnect', onDisconnect)
    else onDisconnect('remote')
  })
  try {
    return await within(ANSWER_WITHIN, Promise.race([work, lost]), () => new Error('it does not answer'))
  } finally {
    peripheral.removeListener('disconnect', onDisconnect)
  }
}

/** "7e0c0001-5ec6-…" as noble writes it: without hyphens, and 16-bit ones short. */
function nobleUuid(uuid: string): string {
  const plain = uuid.replaceAll('-', '').toLowerCase()
  const [, short] = /^0000([0-9a-f]{4})00001000800000805f9b34fb$/.exec(plain) ?? []
  return short ?? plain
}

function notHeard({ device, service }: OpenLink): TransportError {
  const who = device === ANY_DEVICE ? `a device with the service ${service}` : device
  const advice = 'switch it on, bring it nearer, or end its connection to another computer'
  return new TransportError('ble-device-missing', `${who} was not heard by the Bluetooth adapter: ${advice}`)
}

function notConnected(peripheral: Peripheral, cause: unknown): TransportError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new TransportError('carrier-failed', `${called(peripheral)} was heard but cannot be connected (${why})`, cause)
}

const called = ({ address, advertisement: { localName } }: Peripheral) =>
  localName ? `${localName} (${address})` : address

/** Numbers are HCI error codes (Bluetooth Core, Vol 1, Part F); BlueZ does not tell why. */
function describe(reason: number | string): string {
  if (reason === 0x08 || reason === 'remote')
    return 'the radio link was lost: the device is out of reach or switched off'
  if (reason === 0x03) return 'the Bluetooth adapter was unplugged or has failed'
  if (reason === 0x13 || reason === 0x14 || reason === 0x15) return 'the device ended the connection'
  const code = typeof reason === 'number' ? `HCI error 0x${reason.toString(16).padStart(2, '0')}` : reason
  return `the Bluetooth connection ended (${code})`
}

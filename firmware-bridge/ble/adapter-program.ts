import type { Peripheral } from '@stoprocent/noble'
import { TransportError, type TransportErrorCode } from '../transport/transport-error.js'
import {
  type FromAdapter,
  type HeardDevice,
  LIVE_EVERY,
  type OpenLink,
  type ScanRequest,
  type ToAdapter,
} from './adapter-messages.js'
import { type AdapterName, describeAdapter } from './adapter-name.js'
import { adapterReady } from './adapter-ready.js'
import { loadNoble } from './load-noble.js'
import { createPeripheralFinder } from './peripheral-finder.js'
import { openPeripheral, type PeripheralLink } from './peripheral-link.js'

// The program that owns one Bluetooth adapter, begun by `adapter.ts` and told by messages what to do. Noble may throw on what
// a stranger's device advertises, exits on SIGINT, remembers every address, and is beyond repair once it and the adapter
// disagree about what is connected: here none of that reaches the gateway, and the cure for all of it is to end and to be
// begun again.

/** Noble keeps about 3 kB for each address that it has heard, and phones take a new one every quarter of an hour. */
const MAX_HEARD = 20_000
/** Messages that the gateway has not taken yet: further notifications are dropped, and show there as a loss. */
const MAX_UNSENT = 4_096
/** Time for the last message to leave, and for devices to be let go, ms. */
const LAST_WORD = 200
const LEAVE_WITHIN = 1_000

interface Link {
  readonly device: string
  readonly abort: AbortController
  open?: PeripheralLink
  /** Settles when nothing is left of it. */
  readonly gone: Promise<void>
  settle(): void
}

const name = JSON.parse(process.argv[2]!) as AdapterName
const links = new Map<number, Link>()
let unsent = 0
let ending = false
let everReady = false

process.on('uncaughtException', error => end(`the Bluetooth library failed (${error.message})`))
process.on('disconnect', leave)
// A gateway that ends while this program begins may have disconnected before anybody listened.
setInterval(() => (process.connected ? send({ did: 'live' }) : leave()), LIVE_EVERY)

const noble = await loadNoble(name, end).catch(async error => {
  end(error.message)
  return new Promise<never>(() => {})
})
const finder = createPeripheralFinder(noble, end)
noble.on('stateChange', state => {
  if (everReady && state !== 'poweredOn') end(`${describeAdapter(name)} was unplugged, reset or switched off`)
  everReady ||= state === 'poweredOn'
})
process.on('message', (message: ToAdapter) => {
  const link = links.get(message.link)
  switch (message.do) {
    case 'open':
      return void open(message)
    case 'write':
      return link?.open?.write(message.characteristic, message.value, message.acknowledged)
    case 'close':
      link?.abort.abort(new Error('closed'))
      return void link?.open?.close().then(() => tellClosed(message.link, ''))
    case 'scan':
      return void scan(message)
  }
})
// A terminal and systemd signal every process of the gateway; this one ends after the gateway, by 'disconnect'.
setImmediate(() => {
  process.removeAllListeners('SIGINT')
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
})

async function open(request: OpenLink) {
  if (finder.heard > MAX_HEARD) return end('the Bluetooth program begins again, to forget the devices that passed by')
  const { link, device } = request
  const earlier = [...links.values()].find(other => other.device === device)
  const opening = addLink(link, device)
  try {
    if (earlier && !earlier.abort.signal.aborted)
      throw new TransportError('ble-device-busy', `${device} is already in use here: name each device once`)
    await earlier?.gone
    await adapterReady(noble, name)
    opening.open = await openPeripheral(noble, finder, request, opening.abort.signal, {
      received(characteristic, value, arrived) {
        if (unsent < MAX_UNSENT) send({ did: 'receive', link, characteristic, value, arrived })
      },
      measured: rssi => send({ did: 'measure', link, rssi }),
      closed: reason => tellClosed(link, reason),
      failed: end,
    })
    send({ did: 'open', link, address: opening.open.address, mtu: opening.open.mtu })
  } catch (error) {
    if (opening.abort.signal.aborted) return tellClosed(link, '')
    forget(link)
    refuse(link, error as Error)
  }
}

async function scan({ link, ms }: ScanRequest) {
  const devices = new Map<string, HeardDevice>()
  const never = new AbortController().signal
  const note = ({ id, address, rssi, advertisement: { localName, serviceUuids } }: Peripheral) => {
    devices.set(id, { address, name: localName, services: [...serviceUuids], rssi })
    return false
  }
  try {
    await adapterReady(noble, name)
    await finder.find(note, ms, never)
    send({ did: 'scan', link, devices: [...devices.values()] })
  } catch (error) {
    refuse(link, error as Error)
  }
}

function refuse(link: number, error: Error) {
  const code = error instanceof TransportError ? (error.code as TransportErrorCode) : 'carrier-failed'
  send({ did: 'refuse', link, code, message: error.message })
  if (code === 'ble-adapter-silent' || code === 'ble-adapter-missing') end(error.message)
}

function addLink(number: number, device: string): Link {
  let settle = () => {}
  const gone = new Promise<void>(resolve => {
    settle = resolve
  })
  const link: Link = { device, abort: new AbortController(), gone, settle }
  links.set(number, link)
  return link
}

function forget(number: number): boolean {
  links.get(number)?.settle()
  return links.delete(number)
}

function tellClosed(link: number, reason: string) {
  if (forget(link)) send({ did: 'close', link, reason })
}

function send(message: FromAdapter) {
  unsent++
  process.send!(message, () => unsent--)
}

function end(reason: string) {
  if (ending) return
  ending = true
  setTimeout(() => process.exit(1), LAST_WORD)
  process.send!({ did: 'end', reason } satisfies FromAdapter, () => process.exit(1))
}

/** The gateway is gone, or needs the adapter no more: no device is left connected to nobody. */
function leave() {
  setTimeout(() => process.exit(), LEAVE_WITHIN)
  void Promise.all([...links.values()].map(link => link.open?.close())).then(() => process.exit())
}

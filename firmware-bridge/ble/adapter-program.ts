import { TransportError, type TransportErrorCode } from '../transport/transport-error.js'
import { type FromAdapter, LIVE_EVERY, type OpenLink, type ToAdapter } from './adapter-messages.js'
import { type AdapterName, describeAdapter } from './adapter-name.js'
import { loadNoble } from './load-noble.js'
import { createPeripheralFinder } from './peripheral-finder.js'
import { openPeripheral, type PeripheralLink } from './peripheral-link.js'

// The program that owns one Bluetooth adapter, begun by `adapter.ts` and told by messages what to do. Noble may throw on what
// a stranger's device advertises, exits on SIGINT, remembers every address, and is beyond repair once it and the adapter
// disagree about what is connected: here none of that reaches the gateway, and the cure for all of it is to end and to be
// begun again.

/** An adapter that is not ready after this is off, gone or hung, ms. */
const READY_WITHIN = 4_000
/** Noble keeps about 3 kB for each address that it has heard, and phones take a new one every quarter of an hour. */
const MAX_HEARD = 20_000
/** Messages that the gateway has not taken yet: further notifications are dropped, and show there as a loss. */
const MAX_UNSENT = 4_096
/** Time for the last message to leave, ms. */
const LAST_WORDS = 200

interface Link {
  readonly device: string
  readonly abort: AbortController
  open?: PeripheralLink
  closing?: Promise<void> | undefined
}

const name = JSON.parse(process.argv[2]!) as AdapterName
const links = new Map<number, Link>()
let unsent = 0
let ending = false
let everReady = false

process.on('uncaughtException', error => end(`the Bluetooth library failed (${error.message})`))
process.on('disconnect', () => process.exit())
setInterval(() => send({ did: 'live' }), LIVE_EVERY)

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
      if (link) close(message.link, link)
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
  const opening: Link = { device, abort: new AbortController() }
  links.set(link, opening)
  try {
    await earlier?.closing
    if (earlier && !earlier.closing)
      throw new TransportError('ble-device-busy', `${device} is already in use here: name each device once`)
    await ready()
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
    links.delete(link)
    const { message } = error as Error
    const code = error instanceof TransportError ? (error.code as TransportErrorCode) : 'carrier-failed'
    send({ did: 'refuse', link, code, message })
    if (code === 'ble-adapter-silent' || code === 'ble-adapter-missing') end(message)
  }
}

/** Rejects with a `TransportError` that says what is wrong with the adapter. */
async function ready(): Promise<void> {
  await noble.waitForPoweredOnAsync(READY_WITHIN).catch(() => {
    const adapter = describeAdapter(name)
    if (noble.state === 'poweredOff' && name.by !== 'uart') {
      const advice = 'switch it on (rfkill unblock bluetooth; bluetoothctl power on)'
      throw new TransportError('ble-adapter-off', `${adapter} is switched off: ${advice}`)
    }
    if (noble.state === 'unauthorized')
      throw new TransportError('ble-permission', `this user may not use ${adapter}: see docs/ble.md, Permissions`)
    if (noble.state === 'unsupported')
      throw new TransportError('ble-adapter-missing', `${adapter} is not there or cannot do Bluetooth Low Energy`)
    throw new TransportError('ble-adapter-silent', `${adapter} does not answer: unplug it and plug it in again`)
  })
}

function close(number: number, link: Link) {
  link.abort.abort(new Error('closed'))
  link.closing ??= link.open?.close().then(() => tellClosed(number, ''))
}

function tellClosed(link: number, reason: string) {
  if (links.delete(link)) send({ did: 'close', link, reason })
}

function send(message: FromAdapter) {
  unsent++
  process.send!(message, () => unsent--)
}

function end(reason: string) {
  if (ending) return
  ending = true
  send({ did: 'end', reason })
  setTimeout(() => process.exit(1), LAST_WORDS)
}

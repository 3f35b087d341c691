import type { Microseconds } from '../../ecg/units.js'
import { CLOSE_TIMEOUT } from '../transport/transport.js'
import { TransportError } from '../transport/transport-error.js'
import type { FromAdapter, HeardDevice, OpenLink, ToAdapter } from './adapter-messages.js'
import type { AdapterName } from './adapter-name.js'
import { objectionToAdapter } from './adapter-objection.js'
import { type AdapterProcess, beginAdapterProcess } from './adapter-process.js'

/** A device that went out of reach is looked for again within a second: so long the program is kept without a device, ms. */
const IDLE_FOR = 10_000

/** One Bluetooth adapter, for every device that uses it. */
export interface Adapter {
  /** Rejects with a `TransportError`, or with the signal's reason. */
  open(request: LinkRequest, listener: LinkListener, signal: AbortSignal): Promise<Link>
  /** What advertises itself in that time; devices that are connected do not. Rejects with a `TransportError`. */
  scan(ms: number): Promise<readonly HeardDevice[]>
}

export type LinkRequest = Omit<OpenLink, 'do' | 'link'>

export interface LinkListener {
  /** Borrowed until it returns. */
  received(characteristic: string, value: Uint8Array, arrived: Microseconds): void
  /** Once, when an open link goes away by itself; the sentence says how. */
  closed(reason: string): void
}

/** A connection to one BLE device. */
export interface Link {
  readonly address: string
  /** Undefined where the system does not tell. */
  readonly mtu: number | undefined
  /** As last measured, dBm. */
  rssi(): number | undefined
  /** Sends without waiting; what does not fit the MTU is dropped. */
  write(characteristic: string, value: Uint8Array, acknowledged: boolean): void
  /** Ends within `CLOSE_TIMEOUT`, never rejects, and is followed by no event. */
  close(): Promise<void>
}

const adapters = new Map<string, Adapter>()

/** Nothing of Bluetooth is loaded before something is to be opened, and then only in a process of its own. */
export function adapterNamed(name: AdapterName): Adapter {
  const key = JSON.stringify(name)
  const adapter = adapters.get(key) ?? createAdapter(name)
  adapters.set(key, adapter)
  return adapter
}

function createAdapter(name: AdapterName): Adapter {
  const links = new Map<number, (message: FromAdapter) => void>()
  let program: AdapterProcess | undefined
  let lastLink = 0
  let idle: NodeJS.Timeout | undefined

  async function open(request: LinkRequest, listener: LinkListener, signal: AbortSignal): Promise<Link> {
    signal.throwIfAborted()
    refuseUnusable()
    return new Promise((resolve, reject) => {
      const link = ++lastLink
      let rssi: number | undefined
      let closing = false
      /** What the link's end means: it could not be opened, it was lost, or `close` is done. */
      let ended = (reason: string) => reject(new TransportError('carrier-failed', reason))

      add(link, message => {
        switch (message.did) {
          case 'open':
            if (closing) return
            signal.removeEventListener('abort', abort)
            ended = listener.closed
            return resolve({ address: message.address, mtu: message.mtu, rssi: () => rssi, write, close })
          case 'receive':
            if (!closing) listener.received(message.characteristic, message.value, message.arrived)
            return
          case 'measure':
            rssi = message.rssi
            return
          case 'refuse':
            remove(link)
            reject(new TransportError(message.code, message.message))
            return closing ? ended('') : undefined
          case 'close':
            remove(link)
            return ended(message.reason)
        }
      })
      signal.addEventListener('abort', abort, { once: true })
      tell({ do: 'open', link, ...request })

      function write(characteristic: string, value: Uint8Array, acknowledged: boolean) {
        tell({ do: 'write', link, characteristic, value, acknowledged })
      }

      function close(): Promise<void> {
        closing = true
        return new Promise(closed => {
          ended = () => closed()
          if (!links.has(link)) return closed()
          setTimeout(closed, CLOSE_TIMEOUT).unref()
          tell({ do: 'close', link })
        })
      }

      function abort() {
        reject(signal.reason)
        void close()
      }
    })
  }

  async function scan(ms: number): Promise<readonly HeardDevice[]> {
    refuseUnusable()
    return new Promise((resolve, reject) => {
      const link = ++lastLink
      add(link, message => {
        remove(link)
        if (message.did === 'scan') resolve(message.devices)
        else if (message.did === 'refuse') reject(new TransportError(message.code, message.message))
        else if (message.did === 'close') reject(new TransportError('carrier-failed', message.reason))
      })
      tell({ do: 'scan', link, ms })
    })
  }

  function refuseUnusable() {
    const objection = objectionToAdapter(name)
    if (objection) throw objection
  }

  const tell = (message: ToAdapter) => program?.send(message)

  function add(link: number, told: (message: FromAdapter) => void) {
    clearTimeout(idle)
    program ??= beginAdapterProcess(
      name,
      message => 'link' in message && links.get(message.link)?.(message),
      reason => {
        program = undefined
        for (const [link, told] of [...links]) told({ did: 'close', link, reason })
      },
    )
    links.set(link, told)
    program.holdUs(true)
  }

  function remove(link: number) {
    links.delete(link)
    if (links.size > 0) return
    program?.holdUs(false)
    idle = setTimeout(() => {
      program?.leave()
      program = undefined
    }, IDLE_FOR).unref()
  }

  return { open, scan }
}

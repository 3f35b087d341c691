import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { TransportError } from '../transport/transport-error.js'
import { type AdapterName, describeAdapter } from './adapter-name.js'

const ADAPTERS = '/sys/class/bluetooth'
const SYSTEM_BUS = 'unix:path=/var/run/dbus/system_bus_socket'
/** Bit of CAP_NET_RAW in a set of capabilities (linux/capability.h). */
const NET_RAW = 1n << 13n

/** What can be seen of an adapter without touching it: why it cannot be used. Cheap, because it is asked at every attempt. */
export function objectionToAdapter(name: AdapterName): TransportError | undefined {
  const missing = (advice: string) =>
    new TransportError('ble-adapter-missing', `${describeAdapter(name)} is not there: ${advice}`)
  if (name.by === 'uart') return existsSync(name.path) ? undefined : missing('plug it in, or correct the name')
  if (name.by === 'bluez') return busExists() ? undefined : missing('start BlueZ (systemctl start dbus bluetooth)')
  if (process.platform !== 'linux') return undefined
  const present = existsSync(ADAPTERS) ? readdirSync(ADAPTERS).filter(entry => /^hci\d+$/.test(entry)) : []
  const wanted = name.device === undefined ? present[0] : `hci${name.device}`
  if (!wanted || !present.includes(wanted)) {
    return missing(`plug one in, or choose another (there is ${present.join(', ') || 'none'})`)
  }
  if (mayUseRawSockets()) return undefined
  const advice = 'grant it CAP_NET_RAW, or use BlueZ with adapter=dbus; docs/ble.md says how'
  return new TransportError('ble-permission', `this program may not use ${describeAdapter(name)}: ${advice}`)
}

/** As far as its address is that of a file. */
function busExists(): boolean {
  const [, path] = /^unix:path=([^,;]+)/.exec(process.env.DBUS_SYSTEM_BUS_ADDRESS ?? SYSTEM_BUS) ?? []
  return path === undefined || existsSync(path)
}

function mayUseRawSockets(): boolean {
  const [, effective] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return effective === undefined || (BigInt(`0x${effective}`) & NET_RAW) !== 0n
}

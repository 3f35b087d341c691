import { readdir, readFile } from 'node:fs/promises'
import { parseDeviceUri } from '../../firmware-bridge/transport/device-uri.js'
import type { Check, Finding } from './check.js'

/** Bit of CAP_NET_RAW in CapEff (capabilities(7)). */
const CAP_NET_RAW = 13n

/** An adapter, and the right to drive it: looked at only where a device is configured on the air. */
export const bluetoothCheck: Check = {
  name: 'bluetooth',
  async run({ devices }) {
    const onAir = devices.map(({ uri }) => parseDeviceUri(uri)).filter(({ carrier }) => carrier === 'ble')
    if (onAir.length === 0) return []
    const adapters = (await readdir('/sys/class/bluetooth').catch(() => [])).filter(name => /^hci\d+$/.test(name))
    const remedy = 'plug in an adapter, or enable the one on the board; `dmesg | grep -i bluetooth` says what is wrong'
    if (adapters.length === 0)
      return [{ subject: 'adapter', outcome: 'failed', detail: 'this machine has none', remedy }]
    return [
      ...adapters.map(name => ({ subject: name, outcome: 'ok', detail: 'it is there' }) as const),
      await mayDrive(),
    ]
  },
}

async function mayDrive(): Promise<Finding> {
  const status = await readFile('/proc/self/status', 'utf8')
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  const subject = 'permission'
  return (effective >> CAP_NET_RAW) & 1n
    ? { subject, outcome: 'ok', detail: 'CAP_NET_RAW is held' }
    : {
        subject,
        outcome: 'warning',
        detail: 'CAP_NET_RAW is not held, which the kernel’s HCI socket asks for',
        remedy:
          'as a service: copy ble.conf (docs/operations.md); otherwise go through BlueZ with ?adapter=dbus (docs/ble.md)',
      }
}

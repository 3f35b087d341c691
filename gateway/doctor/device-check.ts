import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { readRecording } from '../../firmware-bridge/recording/read-recording.js'
import { type DeviceUri, parseDeviceUri } from '../../firmware-bridge/transport/device-uri.js'
import type { Check, Finding } from './check.js'

const CONNECT_WITHIN_MS = 3000

/** Whether each device of the configuration can be opened. Nothing is sent to it: another program may be using it. */
export const deviceCheck: Check = {
  name: 'devices',
  async run({ devices }) {
    if (devices.length === 0)
      return [
        {
          subject: 'configuration',
          outcome: 'warning',
          detail: 'no device is configured',
          remedy: 'see what is plugged in with `ecgclip devices`, and name it under devices:',
        },
      ]
    return Promise.all(
      devices.map(
        async ({ uri }) => ({ subject: uri, outcome: 'failed', ...(await look(parseDeviceUri(uri))) }) as const,
      ),
    )
  },
}

type Seen = Omit<Finding, 'subject' | 'outcome'> & { readonly outcome?: Finding['outcome'] }

async function look(device: DeviceUri): Promise<Seen> {
  switch (device.carrier) {
    case 'serial':
      return lookAtPort(device.path)
    case 'tcp':
      return lookAtSocket(device.host, device.port)
    case 'replay':
      return readRecording(device.record).then(
        () => ({ outcome: 'ok', detail: 'the record can be read' }),
        (error: Error) => ({ detail: error.message }),
      )
    case 'ble':
      return { outcome: 'note', detail: `see the Bluetooth adapter below; \`ecgclip devices\` shows what is in reach` }
  }
}

async function lookAtPort(path: string): Promise<Seen> {
  const port = await stat(path).catch(() => null)
  if (port === null)
    return { outcome: 'warning', detail: 'it is not there', remedy: 'plug it in; the gateway waits for it' }
  if (!port.isCharacterDevice())
    return { detail: 'it is not a serial port', remedy: 'name a port of `ecgclip devices`' }
  const allowed = await access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  )
  return allowed
    ? { outcome: 'ok', detail: 'it can be opened' }
    : {
        detail: 'this user may not open it',
        remedy: 'add the user to the group that owns it, on Debian: sudo usermod -aG dialout USER, then log in anew',
      }
}

function lookAtSocket(host: string, port: number): Promise<Seen> {
  return new Promise(resolve => {
    const socket = createConnection({ host, port, timeout: CONNECT_WITHIN_MS })
    const say = (seen: Seen) => {
      socket.destroy()
      resolve(seen)
    }
    const remedy = 'switch the device on, and see that no firewall is between; the gateway waits for it'
    socket.on('connect', () => say({ outcome: 'ok', detail: 'it answers' }))
    socket.on('timeout', () => say({ outcome: 'warning', detail: 'it does not answer', remedy }))
    socket.on('error', ({ message }) => say({ outcome: 'warning', detail: message, remedy }))
  })
}

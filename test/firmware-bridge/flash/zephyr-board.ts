import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'
import type { FlashDevice } from '../../../firmware-bridge/flash/flash-device.js'
import { openFlashDevice } from '../../../firmware-bridge/flash/open-flash-device.js'

/** What Zephyr's sample says once its SMP server listens. */
const LISTENS = 'smp_sample: build time'
const BOOTLOADER = 'Booting MCUboot'
/** A test file that is killed takes nobody along, and MCUboot's serial recovery never sleeps, s. */
const LIVES_FOR = 300

/**
 * A Zephyr in QEMU behind a serial adapter that stays while its clients come and go. The adapter drops what is sent to a processor
 * whose bootloader runs: QEMU's nRF51 UART takes it in, Zephyr's driver then clears its event without reading, and neither
 * hears anything ever again.
 */
export async function openZephyr(t: Test, machine: readonly string[], afterBoot = true): Promise<FlashDevice> {
  const adapter = await listen(t)
  const clients = await listen(t)
  const connected = once(adapter.server, 'connection')
  const options = ['-display', 'none', '-monitor', 'none', '-serial', `tcp:127.0.0.1:${adapter.port}`]
  const command = ['qemu-system-arm', ...options, ...machine]
  const board = spawn('timeout', [`${LIVES_FOR}`, ...command], { stdio: ['ignore', 'ignore', 'inherit'] })
  t.teardown(() => board.kill())
  const [uart] = (await connected) as [Socket]
  uart.on('error', () => {})

  let client: Socket | undefined
  let said = ''
  let up = !afterBoot
  await new Promise<void>(listens => {
    if (up) listens()
    uart.on('data', data => {
      client?.write(data)
      if (!afterBoot) return
      said = `${said}${data.toString('latin1')}`.slice(-256)
      up = said.lastIndexOf(LISTENS) > said.lastIndexOf(BOOTLOADER) || (up && !said.includes(BOOTLOADER))
      if (up) listens()
    })
  })
  clients.server.on('connection', socket => {
    client = socket.on('error', () => {}).on('data', data => up && uart.write(data))
    t.teardown(() => socket.destroy())
  })
  const device = await openFlashDevice(`tcp:127.0.0.1:${clients.port}?driver=smp`)
  t.teardown(() => device.close())
  return device
}

async function listen(t: Test): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

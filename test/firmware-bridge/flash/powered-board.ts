import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { FlashDevice } from '../../../firmware-bridge/flash/flash-device.js'
import { FlashError } from '../../../firmware-bridge/flash/flash-error.js'
import { openFlashDevice } from '../../../firmware-bridge/flash/open-flash-device.js'
import { TransportError } from '../../../firmware-bridge/transport/transport-error.js'

/** A device as a process on a TCP port that stays its own, whose power can be cut. */
export interface PoweredBoard {
  readonly uri: string
  start(): Promise<void>
  /** At once, whatever it is doing. */
  cutPower(): Promise<void>
  /** Waits until it can be opened. */
  open(): Promise<FlashDevice>
}

/** A board that a killed test leaves behind ends after so much work, far more than there is between two power cuts, s. */
const CPU_SECONDS = 300
/** An emulated processor on a busy host takes its time to boot, ms. */
const OPEN_WITHIN = 90_000

export async function poweredBoard(
  t: Test,
  command: (port: number) => readonly string[],
  driver: 'ecg-link' | 'smp' = 'ecg-link',
): Promise<PoweredBoard> {
  const port = await freePort()
  const uri = `tcp:127.0.0.1:${port}`
  let board: ChildProcess | undefined
  t.teardown(() => board?.kill('SIGKILL'))

  async function start() {
    const bounded = ['-c', `ulimit -t ${CPU_SECONDS}; exec "$@"`, 'sh', ...command(port)]
    board = spawn('sh', bounded, { stdio: ['ignore', 'ignore', 'inherit'] })
    await once(board, 'spawn')
  }

  async function cutPower() {
    const running = board
    board = undefined
    if (!running || running.exitCode !== null) return
    running.kill('SIGKILL')
    await once(running, 'exit')
  }

  async function open(): Promise<FlashDevice> {
    const deadline = performance.now() + OPEN_WITHIN
    for (;;) {
      try {
        return await openFlashDevice(`${uri}?driver=${driver}`)
      } catch (error) {
        const early = error instanceof TransportError || (error instanceof FlashError && error.code === 'smp-silent')
        if (!early || performance.now() > deadline) throw error
        await sleep(20)
      }
    }
  }

  return { uri, start, cutPower, open }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

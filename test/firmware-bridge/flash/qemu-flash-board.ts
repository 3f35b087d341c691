import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { FlashDevice } from '../../../firmware-bridge/flash/flash-device.js'
import { openFlashDevice } from '../../../firmware-bridge/flash/open-flash-device.js'
import { TransportError } from '../../../firmware-bridge/transport/transport-error.js'
import { makeBoard } from '../firmware/board-host.js'
import { NO_IMGTOOL } from './image-maker.js'

const FIRMWARE = 'firmware-bridge/firmware'

/** Why the Cortex-M3 cannot be flashed here, or false. */
export const NO_QEMU_FLASH: string | false = NO_IMGTOOL || makeBoard('qemu', ['arm-none-eabi-gcc', 'qemu-system-arm'])

/** The real firmware for the Cortex-M3, saying that it is this version, behind it random bytes so that an upload takes a while. */
export function firmwareBody(version: string, padding = 0): Buffer {
  const made = spawnSync('make', ['--no-print-directory', '-C', FIRMWARE, 'qemu', `VERSION=${version}`], {
    encoding: 'utf8',
  })
  if (made.status !== 0) throw new Error(`make qemu failed:\n${made.stdout}${made.stderr}`)
  return Buffer.concat([readFileSync(`${FIRMWARE}/build/ecg-image-mps2.bin`), randomBytes(padding)])
}

/** As bootloader.c has it. */
export const LOAD_ADDRESS = ['--load-addr', '0x200000']

export interface QemuFlashBoard {
  readonly uri: string
  start(): Promise<void>
  /** As a power cut does: at once, whatever it is doing. */
  cutPower(): Promise<void>
  /** Waits until it can be opened. */
  open(): Promise<FlashDevice>
}

const OPEN_WITHIN = 15_000

/** A Cortex-M3 in QEMU behind its bootloader, its flash in this file. */
export async function qemuFlashBoard(t: Test, flash: string): Promise<QemuFlashBoard> {
  const port = await freePort()
  let qemu: ChildProcess | undefined
  t.teardown(() => qemu?.kill('SIGKILL'))

  async function start() {
    qemu = spawn(
      'qemu-system-arm',
      [
        '-M',
        'mps2-an385',
        '-display',
        'none',
        '-monitor',
        'none',
        '-kernel',
        `${FIRMWARE}/build/ecg-bootloader-mps2.elf`,
      ].concat([
        '-serial',
        `tcp:127.0.0.1:${port},server=on,wait=off`,
        '-semihosting-config',
        `enable=on,target=native,arg=${flash}`,
      ]),
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    await once(qemu, 'spawn')
  }

  async function cutPower() {
    const running = qemu
    qemu = undefined
    if (!running || running.exitCode !== null) return
    running.kill('SIGKILL')
    await once(running, 'exit')
  }

  async function open(): Promise<FlashDevice> {
    const deadline = performance.now() + OPEN_WITHIN
    for (;;) {
      try {
        return await openFlashDevice(`tcp:127.0.0.1:${port}?driver=ecg-link`)
      } catch (error) {
        if (!(error instanceof TransportError) || performance.now() > deadline) throw error
        await sleep(50)
      }
    }
  }

  return { uri: `tcp:127.0.0.1:${port}`, start, cutPower, open }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
